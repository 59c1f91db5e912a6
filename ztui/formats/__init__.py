"""The assessment in the formats that other programs and people read: SARIF, JUnit, CSV, one HTML page."""
