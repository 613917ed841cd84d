#!/usr/bin/env python3
"""Makes the TIFF and WebP files beside this script with Pillow, and what they must decode to (expected/NAME.ppm).

Expected pixels of lossless files are computed here from the values that were written, never by the decoder under test;
those of lossy ones come from Pillow (libwebp, libjpeg). Run it in this folder; the result is committed.
"""
import pathlib
import struct

import numpy
from PIL import Image

here = pathlib.Path(__file__).parent
(here / "expected").mkdir(exist_ok=True)
random = numpy.random.default_rng(6)
H, W = 13, 21
y, x = numpy.mgrid[0:H, 0:W]
smooth = numpy.stack([x * 12, y * 19, (x * 7 + y * 5) % 256], -1).astype("u1")
noise = random.integers(0, 256, (H, W, 3), "u1")
blocks = numpy.kron(random.integers(40, 215, (6, 8, 3)), numpy.ones((8, 8, 1)))
photo = numpy.clip(blocks + random.integers(-9, 10, (48, 64, 3)), 0, 255).astype("u1")


def expect(name, rgb):
    rgb = numpy.asarray(rgb)
    if rgb.ndim == 2:
        rgb = numpy.repeat(rgb[..., None], 3, 2)
    (here / "expected" / f"{name}.ppm").write_bytes(b"P6\n%d %d\n255\n" % (rgb.shape[1], rgb.shape[0]) + rgb.astype("u1").tobytes())


def save(name, image, expected, **options):
    image.save(here / name, **options)
    expect(name.rsplit(".", 1)[0], expected)


def on_black(rgb, alpha):
    return (rgb.astype(int) * alpha[..., None].astype(int) + 127) // 255


rgb = Image.fromarray(noise)
for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"):
    save(f"tiff-rgb-{compression.removeprefix('tiff_')}.tif", rgb, noise, compression=compression)
save("tiff-rgb-predictor.tif", Image.fromarray(smooth), smooth, compression="tiff_lzw", tiffinfo={317: 2})
grey = noise[..., 0]
save("tiff-grey8.tif", Image.fromarray(grey), grey, compression="tiff_lzw")
bits = (grey > 127)
save("tiff-grey1-group4.tif", Image.fromarray(bits), bits * 255, compression="group4")
deep = random.integers(0, 65536, (H, W)).astype("<u2")
save("tiff-grey16.tif", Image.fromarray(deep), (deep.astype(int) * 255 + 32767) // 65535, compression="raw")
palette = Image.fromarray(smooth).quantize(16)
# A palette of 16-bit entries, of which Pillow writes v * 256.
save("tiff-palette.tif", palette, (numpy.asarray(palette.convert("RGB")).astype(int) * 256 * 255 + 32767) // 65535, compression="raw")
alpha = random.integers(0, 256, (H, W), "u1")
save("tiff-rgba.tif", Image.fromarray(numpy.dstack([noise, alpha])), on_black(noise, alpha), compression="tiff_lzw")
second = Image.fromarray(255 - noise)
save("tiff-pages.tif", rgb, noise, compression="tiff_lzw", save_all=True, append_images=[second])
save("tiff-turned.tif", rgb, noise, compression="raw", tiffinfo={274: 6})  # orientation is ignored


def big_endian_tiff(name, samples, bits, photometric, expected):
    """Two strips, Motorola byte order, written by hand: Pillow writes Intel only."""
    h, w = samples.shape[:2]
    channels = samples.shape[2] if samples.ndim == 3 else 1
    data = samples.astype(">u2" if bits == 16 else "u1").tobytes()
    rows = (h + 1) // 2
    split = len(data) // h * rows
    entries = [(256, 3, 1, w << 16), (257, 3, 1, h << 16), (258, 3, channels, None), (259, 3, 1, 1 << 16), (262, 3, 1, photometric << 16),
               (273, 4, 2, None), (277, 3, 1, channels << 16), (278, 4, 1, rows), (279, 4, 2, None)]
    at = 8 + 2 + 12 * len(entries) + 4
    depth_at, offsets_at, counts_at, data_at = at, at + 8, at + 16, at + 24
    out = struct.pack(">2sHIH", b"MM", 42, 8, len(entries))
    for tag, kind, count, value in entries:
        if value is None:
            value = (bits << 16 if channels == 1 else depth_at) if tag == 258 else offsets_at if tag == 273 else counts_at
        out += struct.pack(">HHII", tag, kind, count, value)
    out += struct.pack(">I", 0) + struct.pack(">4H", bits, bits, bits, 0)
    out += struct.pack(">2I", data_at, data_at + split) + struct.pack(">2I", split, len(data) - split)
    (here / f"{name}.tif").write_bytes(out + data)
    expect(name, expected)


big_endian_tiff("tiff-motorola-rgb8", noise, 8, 2, noise)
wide = random.integers(0, 65536, (H, W, 3))
big_endian_tiff("tiff-motorola-rgb16", wide, 16, 2, (wide * 255 + 32767) // 65535)
big_endian_tiff("tiff-motorola-inverted", grey, 8, 0, 255 - grey.astype(int))

save("webp-lossless.webp", rgb, noise, lossless=True)
save("webp-lossless-alpha.webp", Image.fromarray(numpy.dstack([noise, alpha])), on_black(noise, alpha), lossless=True, exact=True)
Image.fromarray(photo).save(here / "webp-lossy.webp", quality=90)
expect("webp-lossy", numpy.asarray(Image.open(here / "webp-lossy.webp").convert("RGB")))
Image.fromarray(photo).save(here / "tiff-jpeg.tif", compression="jpeg", quality=95)
expect("tiff-jpeg", numpy.asarray(Image.open(here / "tiff-jpeg.tif").convert("RGB")))
