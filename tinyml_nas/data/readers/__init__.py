"""From what lies in files to recordings: folders, zips, tables, arrays, sound."""
