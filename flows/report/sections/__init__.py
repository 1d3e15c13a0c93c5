"""The sections of the report: each turns rows of the lake into a view model."""
