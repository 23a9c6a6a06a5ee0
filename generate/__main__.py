"""``python -m generate``: writes every generated file of the repository, and names those that changed."""

from generate.files import GENERATED, ROOT


def main() -> None:
    """Write the files that are stale."""
    stale = [file for file in GENERATED if not file.is_fresh(ROOT)]
    for file in stale:
        file.write(ROOT)
        print(f"wrote {file.path}")
    print(f"{len(GENERATED)} generated files are up to date")


if __name__ == "__main__":
    main()
