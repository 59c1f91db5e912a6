"""What the operators of the demo cluster make of their own objects, by the kind of those."""

from ztui.demo.operands import backup, delivery, flows, identity, keeping, logs, mesh, nodes

OPERANDS = {
    **mesh.OPERANDS,
    **nodes.OPERANDS,
    **keeping.OPERANDS,
    **logs.OPERANDS,
    **delivery.OPERANDS,
    **backup.OPERANDS,
    **identity.OPERANDS,
    **flows.OPERANDS,
}
