"""Ways to damage a file."""

from pathlib import Path


def truncate(path: Path) -> None:
    """Cut off the last byte."""
    path.write_bytes(path.read_bytes()[:-1])


def flip_a_bit(path: Path) -> None:
    """Change one bit in the middle."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def reverse(path: Path) -> None:
    """Reverse what follows an IDX header: another file of the same form and length."""
    content = path.read_bytes()
    path.write_bytes(content[:16] + content[16:][::-1])


def replace_by_a_folder(path: Path) -> None:
    """Put a link to a folder in the file's place."""
    path.unlink()
    path.symlink_to("/")
