"""What the operators of the demo cluster make of their own objects, by the kind of those."""

from ztui.demo.operands import mesh, nodes

OPERANDS = {**mesh.OPERANDS, **nodes.OPERANDS}
