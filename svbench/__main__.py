"""The way in, as `svbench` and as `python -m svbench`: signals are answered from here on."""

from svbench.early_stops import end_on_signals


def main() -> None:
    """Run the command line."""
    end_on_signals()
    from svbench.cli.app import main as command

    command()


if __name__ == "__main__":
    main()
