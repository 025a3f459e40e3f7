"""Defects to put into clean episodes, one file each: what gates are measured with (docs/defects.md)."""
