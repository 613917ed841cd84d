#!/usr/bin/env python3
"""Makes the golden files of this folder: python3 make.py (needs numpy and Pillow 9.4 with libjpeg-turbo).

Every picture is procedural. NAME.png|bmp|pnm|jpg is decoded by the tests and must give NAME's picture, kept as raw RGB
in expected/NAME.ppm (P6). PNG files come from the encoder below, because Pillow writes few of PNG's kinds; what Pillow
can read is held against it here. Expected pixels are computed in exact integers from the samples that were encoded.
"""
import io, os, struct, zlib
import numpy as np
from PIL import Image

HERE = os.path.dirname(os.path.abspath(__file__))
os.makedirs(os.path.join(HERE, "expected"), exist_ok=True)
rng = np.random.default_rng(7)


def save(name, data, rgb):
    with open(os.path.join(HERE, name), "wb") as f:
        f.write(data)
    expect(name, rgb)


def expect(name, rgb):
    rgb = np.ascontiguousarray(rgb, dtype=np.uint8)
    with open(os.path.join(HERE, "expected", os.path.splitext(name)[0] + ".ppm"), "wb") as f:
        f.write(b"P6\n%d %d\n255\n" % (rgb.shape[1], rgb.shape[0]) + rgb.tobytes())


def rounded(a, b):
    return (2 * a + b) // (2 * b)  # a / b to the nearest, half up


# ---- PNG ---------------------------------------------------------------------------------------------------------

def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def pack(samples, depth):
    """[y][x][channel] integers to rows of bytes."""
    h = samples.shape[0]
    flat = samples.reshape(h, -1)
    if depth == 16:
        return flat.astype(">u2").view(np.uint8).reshape(h, -1)
    if depth == 8:
        return flat.astype(np.uint8)
    bits = ((flat[:, :, None] >> np.arange(depth - 1, -1, -1)) & 1).astype(np.uint8).reshape(h, -1)
    return np.packbits(bits, axis=1)


def filter_rows(rows, step, first):
    """Row y gets filter (y + first) mod 5, so that every filter meets every kind."""
    out, above = b"", np.zeros(rows.shape[1], int)
    for y, row in enumerate(rows.astype(int)):
        left = np.concatenate([np.zeros(step, int), row])[:len(row)]
        corner = np.concatenate([np.zeros(step, int), above])[:len(row)]
        p = left + above - corner
        pl, pa, pc = abs(p - left), abs(p - above), abs(p - corner)
        paeth = np.where((pl <= pa) & (pl <= pc), left, np.where(pa <= pc, above, corner))
        kind = (y + first) % 5
        predicted = [0 * row, left, above, (left + above) // 2, paeth][kind]
        out += bytes([kind]) + ((row - predicted) & 255).astype(np.uint8).tobytes()
        above = row
    return out


ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def png(samples, depth, color, interlaced=False, palette=None, trns=None, pieces=1, extra=b""):
    h, w, channels = samples.shape
    step = max(1, channels * depth // 8)
    raw = b""
    for n, (x, y, dx, dy) in enumerate(ADAM7 if interlaced else [(0, 0, 1, 1)]):
        part = samples[y::dy, x::dx]
        if part.size:
            raw += filter_rows(pack(part, depth), step, n)
    z = zlib.compress(raw, 9)
    out = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, depth, color, 0, 0, int(interlaced))) + extra
    if palette is not None:
        out += chunk(b"PLTE", palette.astype(np.uint8).tobytes())
    if trns is not None:
        out += chunk(b"tRNS", trns)
    cuts = [len(z) * i // pieces for i in range(pieces + 1)]
    for a, b in zip(cuts, cuts[1:]):
        out += chunk(b"IDAT", z[a:b])
    return out + chunk(b"IEND", b"")


def picture(w, h, channels, depth):
    """Ramps, a disc and a little noise: smooth and rough parts for every filter."""
    y, x = np.mgrid[0:h, 0:w]
    planes = []
    for c in range(channels):
        v = 0.5 + 0.5 * np.sin(0.31 * x * (c + 1) / 2 + 0.23 * y + c)
        v = np.where((x - w / 2) ** 2 + (y - h / 2) ** 2 < (min(w, h) / 4) ** 2, 1 - v, v) + rng.normal(0, 0.02, v.shape)
        planes.append(v)
    return np.rint(np.clip(np.stack(planes, 2), 0, 1) * (2 ** depth - 1)).astype(np.int64)


def to_rgb(samples, depth, color, palette=None, trns=None):
    full = 2 ** depth - 1
    if color == 3:
        alpha = np.full(len(palette), 255)
        if trns is not None:
            alpha[:len(trns)] = list(trns)
        return rounded(palette.astype(np.int64) * alpha[:, None], 255)[samples[:, :, 0]]
    colors = samples[:, :, :3] if color in (2, 6) else np.repeat(samples[:, :, :1], 3, 2)
    alpha = np.full(samples.shape[:2], full)
    if color in (4, 6):
        alpha = samples[:, :, -1]
    elif trns is not None:
        key = np.array(struct.unpack(">%dH" % (len(trns) // 2), trns))
        alpha = np.where((samples == key).all(2), 0, full)
    if depth == 8:  # composited, then no further step
        return rounded(colors * alpha[:, :, None], 255)
    return rounded(colors * alpha[:, :, None] * 255, full * full)


def png_case(name, depth, color, w=21, h=13, interlaced=False, palette=None, trns=None, **more):
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color]
    samples = picture(w, h, channels, depth)
    if color == 3:
        samples = samples % len(palette)
    if trns == "pixel":  # the colour of one pixel that occurs
        trns = struct.pack(">%dH" % channels, *samples[h // 2, w // 2])
    data = png(samples, depth, color, interlaced, palette, trns, **more)
    rgb = to_rgb(samples, depth, color, palette, trns)
    if depth <= 8 and color in (0, 2, 3) and trns is None:
        assert (np.asarray(Image.open(io.BytesIO(data)).convert("RGB")) == rgb).all(), name
    else:
        Image.open(io.BytesIO(data)).load()
    save("png-" + name + ".png", data, rgb)


def make_png():
    palette = rng.integers(0, 256, (256, 3))
    for interlaced in (False, True):
        i = "-interlaced" if interlaced else ""
        for depth in (1, 2, 4, 8, 16):
            png_case(f"grey{depth}{i}", depth, 0, interlaced=interlaced)
        for depth in (1, 2, 4, 8):
            png_case(f"palette{depth}{i}", depth, 3, interlaced=interlaced, palette=palette[:2 ** depth])
        for depth in (8, 16):
            png_case(f"rgb{depth}{i}", depth, 2, interlaced=interlaced)
            png_case(f"greyalpha{depth}{i}", depth, 4, interlaced=interlaced)
            png_case(f"rgba{depth}{i}", depth, 6, interlaced=interlaced)
    for depth in (1, 2, 4, 8, 16):
        png_case(f"grey{depth}-key", depth, 0, trns="pixel")
    for depth in (8, 16):
        png_case(f"rgb{depth}-key", depth, 2, trns="pixel")
    png_case("palette8-alpha", 8, 3, palette=palette[:100], trns=bytes(range(0, 240, 4)))
    png_case("palette2-alpha", 2, 3, palette=palette[:4], trns=bytes([0, 128, 255]))
    png_case("pieces", 8, 2, pieces=7, extra=chunk(b"gAMA", struct.pack(">I", 45455)) + chunk(b"tEXt", b"Comment\0procedural"))
    for w, h in ((1, 1), (2, 1), (1, 7), (5, 3), (8, 8), (9, 17)):  # some of Adam7's passes are empty
        png_case(f"small-{w}x{h}", 8, 2, w, h, interlaced=True)
        png_case(f"small-bits-{w}x{h}", 1, 0, w, h, interlaced=True)


# ---- BMP ---------------------------------------------------------------------------------------------------------

def bmp(w, h, bits, rows, compression=0, palette=None, masks=None, header=40, top_down=False, used=0):
    tables = b""
    if palette is not None:
        size = 3 if header == 12 else 4
        tables = b"".join(bytes([b, g, r, 0][:size]) for r, g, b in palette)
    info = struct.pack("<IHHHH", 12, w, h, 1, bits) if header == 12 else struct.pack(
        "<IiiHHIIiiII", header, w, -h if top_down else h, 1, bits, compression, len(rows), 2835, 2835, used, 0)
    if masks is not None:
        info += struct.pack("<%dI" % len(masks), *masks)
    info = info.ljust(header, b"\0") if header > 40 else info
    offset = 14 + len(info) + len(tables)
    return b"BM" + struct.pack("<IHHI", offset + len(rows), 0, 0, offset) + info + tables + rows


def rows_of(packed, top_down=False):
    rows = [r.tobytes() + b"\0" * (-len(r) % 4) for r in packed]
    return b"".join(rows if top_down else rows[::-1])


def run_lengths(indices, nibbles):
    """Each row: a literal, a run, a move; ends with the end marks. Returns bytes and the indices that come out."""
    out, seen = b"", np.zeros_like(indices)
    h, w = indices.shape
    for y in range(h):
        row, x = indices[h - 1 - y], 0
        literal = row[:7]
        if nibbles:
            packed = bytes([int(literal[i]) << 4 | (int(literal[i + 1]) if i + 1 < 7 else 0) for i in range(0, 7, 2)])
        else:
            packed = bytes(literal.tolist())
        out += bytes([0, 7]) + packed + b"\0" * (len(packed) % 2)
        seen[h - 1 - y, :7] = literal
        x = 7
        if y == 2:
            out += bytes([0, 2, 3, 0])  # skip three pixels
            x += 3
        a, b = int(row[x]), int(row[x + 1])
        n = w - x
        out += bytes([n, a << 4 | b if nibbles else a])
        seen[h - 1 - y, x:] = [(a if i % 2 == 0 else b) if nibbles else a for i in range(n)]
        out += bytes([0, 0])
    return out + bytes([0, 1]), seen


def make_bmp():
    w, h = 19, 11
    palette = rng.integers(0, 256, (256, 3))
    rgb = picture(w, h, 3, 8)
    bgr = rgb[:, :, ::-1].astype(np.uint8).reshape(h, -1)
    for bits in (1, 4, 8):
        p = palette[:2 ** bits]
        index = picture(w, h, 1, bits)
        data = bmp(w, h, bits, rows_of(pack(index, bits)), palette=p)
        assert (np.asarray(Image.open(io.BytesIO(data)).convert("RGB")) == p[index[:, :, 0]]).all()
        save(f"bmp-{bits}.bmp", data, p[index[:, :, 0]])
        save(f"bmp-{bits}-core.bmp", bmp(w, h, bits, rows_of(pack(index, bits)), palette=p, header=12), p[index[:, :, 0]])
    index = picture(w, h, 1, 8)[:, :, 0] % 20
    save("bmp-8-few.bmp", bmp(w, h, 8, rows_of(index.astype(np.uint8)), palette=palette[:20], used=20), palette[index])
    for name, bits, compression in (("rle8", 8, 1), ("rle4", 4, 2)):
        index = picture(w, h, 1, bits)[:, :, 0]
        data, seen = run_lengths(index, bits == 4)
        save(f"bmp-{name}.bmp", bmp(w, h, bits, data, compression, palette[:2 ** bits]), palette[seen])
    save("bmp-24.bmp", bmp(w, h, 24, rows_of(bgr)), rgb)
    save("bmp-24-topdown.bmp", bmp(w, h, 24, rows_of(bgr, True), top_down=True), rgb)
    save("bmp-24-v5.bmp", bmp(w, h, 24, rows_of(bgr), header=124), rgb)
    bgrx = np.concatenate([rgb[:, :, ::-1], rng.integers(0, 256, (h, w, 1))], 2).astype(np.uint8).reshape(h, -1)
    save("bmp-32.bmp", bmp(w, h, 32, rows_of(bgrx)), rgb)
    five = picture(w, h, 3, 5)
    v = (five[:, :, 0] << 10 | five[:, :, 1] << 5 | five[:, :, 2]).astype("<u2").view(np.uint8).reshape(h, -1)
    save("bmp-16-555.bmp", bmp(w, h, 16, rows_of(v)), rounded(five * 255, 31))
    six = np.stack([picture(w, h, 1, n)[:, :, 0] for n in (5, 6, 5)], 2)
    v = (six[:, :, 0] << 11 | six[:, :, 1] << 5 | six[:, :, 2]).astype("<u2").view(np.uint8).reshape(h, -1)
    save("bmp-16-565.bmp", bmp(w, h, 16, rows_of(v), 3, masks=(0xF800, 0x7E0, 0x1F)), rounded(six * 255, np.array([31, 63, 31])))
    ten = picture(w, h, 3, 10)
    v = (ten[:, :, 0] << 20 | ten[:, :, 1] << 10 | ten[:, :, 2]).astype("<u4").view(np.uint8).reshape(h, -1)
    save("bmp-32-fields-v4.bmp", bmp(w, h, 32, rows_of(v), 3, masks=(0x3FF00000, 0xFFC00, 0x3FF), header=108), rounded(ten * 255, 1023))


# ---- PNM ---------------------------------------------------------------------------------------------------------

def make_pnm():
    w, h = 13, 9
    bits = picture(w, h, 1, 1)[:, :, 0]
    ink = np.repeat((255 - 255 * bits)[:, :, None], 3, 2)
    save("pnm-p1.pbm", b"P1\n# no spaces between digits\n13 9\n" + b"\n".join(bytes((r + 48).tolist()) for r in bits), ink)
    save("pnm-p4.pbm", b"P4 13 9\n" + pack(bits[:, :, None], 1).tobytes(), ink)
    for name, maxval in (("", 255), ("-100", 100), ("-1000", 1000), ("-65535", 65535)):
        for channels, plain, raw in ((1, b"P2", b"P5"), (3, b"P3", b"P6")):
            v = rng.integers(0, maxval + 1, (h, w, channels))
            rgb = rounded(np.repeat(v, 3 // channels, 2) * 255, maxval)
            head = b"\n# a comment\n%d %d # and another\n%d\n" % (w, h, maxval)
            body = v.astype(">u2" if maxval > 255 else "u1").tobytes()
            ext = "pgm" if channels == 1 else "ppm"
            save(f"pnm-{plain.decode().lower()}{name}.{ext}", plain + head + b" ".join(b"%d" % n for n in v.ravel()), rgb)
            save(f"pnm-{raw.decode().lower()}{name}.{ext}", raw + head + body, rgb)


# ---- JPEG: Pillow's pixels are the reference ------------------------------------------------------------------------

def jpeg_case(name, image, **options):
    f = io.BytesIO()
    image.save(f, "JPEG", **options)
    save("jpeg-" + name + ".jpg", f.getvalue(), np.asarray(Image.open(io.BytesIO(f.getvalue())).convert("RGB")))


def make_jpeg():
    rgb = Image.fromarray(picture(45, 35, 3, 8).astype(np.uint8))
    for n, name in ((0, "444"), (1, "422"), (2, "420")):
        jpeg_case(name, rgb, quality=85, subsampling=n)
    jpeg_case("progressive", rgb, quality=70, progressive=True)
    jpeg_case("grey", rgb.convert("L"), quality=85)
    jpeg_case("cmyk", Image.fromarray(picture(45, 35, 4, 8).astype(np.uint8), "CMYK"), quality=85)
    exif = Image.Exif()
    exif[0x112] = 6  # "turn right": not applied
    jpeg_case("exif-turned", rgb, quality=85, exif=exif)


# ---- Resampling ----------------------------------------------------------------------------------------------------

def make_resampled():
    image = Image.fromarray(picture(61, 47, 3, 8).astype(np.uint8))
    noise = Image.fromarray(rng.choice([0, 255], (33, 50, 3)).astype(np.uint8))  # reaches both ends of the range
    for name, source in (("smooth", image), ("noise", noise)):
        expect(f"resample-{name}.x", np.asarray(source))
        for w, h in ((24, 24), (16, 40), (61, 20), (100, 90), (7, 3), (1, 1), (64, 47), (19, 70)):
            expect(f"resample-{name}-{w}x{h}.x", np.asarray(source.resize((w, h), Image.BILINEAR)))
            expect(f"nearest-{name}-{w}x{h}.x", np.asarray(source.resize((w, h), Image.NEAREST)))
    for name, source in (("wide", image), ("tall", image.transpose(Image.ROTATE_90))):
        w, h = source.size
        size = (int(32 * w / h), 32) if h < w else (32, int(32 * h / w))
        left, top = round((size[0] - 25) / 2), round((size[1] - 24) / 2)  # torchvision's center_crop
        expect(f"crop-{name}.x", np.asarray(source))
        expect(f"crop-{name}-32-25x24.x", np.asarray(source.resize(size, Image.BILINEAR).crop((left, top, left + 25, top + 24))))


make_png()
make_bmp()
make_pnm()
make_jpeg()
make_resampled()
