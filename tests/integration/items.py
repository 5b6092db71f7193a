# items.py - embeddings for tests of rounds over items, written without NumPy.
#
#   python3 items.py OUT.npy ROWS WIDTH [BAD_ROW]      float16, C order; BAD_ROW has a NaN in its second column
import array
import struct
import sys


def main():
    path, rows, width = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    bad_row = int(sys.argv[4]) if len(sys.argv) > 4 else -1
    head = f"{{'descr': '<f2', 'fortran_order': False, 'shape': ({rows}, {width}), }}"
    head += " " * (63 - (10 + len(head)) % 64) + "\n"
    # Halves between 1 and 2, drawn from a few hundred rows so that there are clusters, and a little apart within them.
    state, kinds = 1, []
    for _ in range(257):
        kind = array.array("H")
        for _ in range(width):
            state = (state * 1103515245 + 12345) % 2**31
            kind.append(0x3C00 | state >> 12 & 0x3F0)
        kinds.append(kind)
    with open(path, "wb") as out:
        out.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode())
        for row in range(rows):
            values = array.array("H", kinds[row * 7919 % 257])
            values[row % width] ^= row % 16
            if row == bad_row:
                values[1] = 0x7E00
            out.write(values.tobytes())


main()
