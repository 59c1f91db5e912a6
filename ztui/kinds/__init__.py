"""The door: frozen structs with exactly the fields that are judged or shown. A field that no kind declares never gets in."""
