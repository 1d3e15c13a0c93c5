"""The steps of the night shift: pure functions over the lake, without Prefect."""
