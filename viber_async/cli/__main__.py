"""`python -m viber_async.cli` is the `viber-async` command."""

from viber_async.cli import main

main()
