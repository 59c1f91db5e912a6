"""Who manages which field: shapes of kinds, sets of fields, merging, and the managers that an object remembers."""
