"""The sheets that come with chainrule, one Markdown file each; see `docs/sheets.md`."""
