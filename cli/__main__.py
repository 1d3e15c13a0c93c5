"""`python -m cli` is `nocturne`."""

from cli.main import main

main()
