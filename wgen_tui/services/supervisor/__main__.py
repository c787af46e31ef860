"""`python -m wgen_tui.services.supervisor --home DIR`: the supervisor of a home."""

from wgen_tui.services.supervisor.loop import main

if __name__ == "__main__":
    main()
