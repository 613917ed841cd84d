using System.Numerics;
using SixLabors.ImageSharp.PixelFormats;

namespace SpadeCluster.Imaging.ImageSharp;

/// <summary>
/// The pixel that ImageSharp decodes to: 8-bit RGB, three bytes, alpha composited on black and 16 bits rounded to the nearest
/// of the 8-bit values as each pixel is set. So whatever a file holds, an image in memory is no larger than the one asked for.
/// </summary>
internal struct OnBlack(byte r, byte g, byte b) : IPixel<OnBlack>
{
    public byte R = r, G = g, B = b;

    public void FromRgba64(Rgba64 p) => this = new(Narrow(p.R, p.A), Narrow(p.G, p.A), Narrow(p.B, p.A));

    // With one rounding for alpha and width together; for samples v * 257 that is the nearest of v * alpha / 255.
    private static byte Narrow(int value, int alpha)
    {
        const long full = 65535L * 65535;
        return (byte)((((long)value * alpha * 255) + (full / 2)) / full);
    }

    public void FromRgba32(Rgba32 p) => Set(p.R, p.G, p.B, p.A);

    private void Set(byte r, byte g, byte b, int alpha) => this = alpha == 255 ? new(r, g, b)
        : new((byte)(((r * alpha) + 127) / 255), (byte)(((g * alpha) + 127) / 255), (byte)(((b * alpha) + 127) / 255));

    public void FromArgb32(Argb32 p) => Set(p.R, p.G, p.B, p.A);

    public void FromAbgr32(Abgr32 p) => Set(p.R, p.G, p.B, p.A);

    public void FromBgra32(Bgra32 p) => Set(p.R, p.G, p.B, p.A);

    public void FromLa16(La16 p) => Set(p.L, p.L, p.L, p.A);

    public void FromRgb24(Rgb24 p) => this = new(p.R, p.G, p.B);

    public void FromBgr24(Bgr24 p) => this = new(p.R, p.G, p.B);

    public void FromL8(L8 p) => this = new(p.PackedValue, p.PackedValue, p.PackedValue);

    public void FromL16(L16 p) => FromLa32(new La32(p.PackedValue, ushort.MaxValue));

    public void FromLa32(La32 p)
    {
        byte grey = Narrow(p.L, p.A);
        this = new(grey, grey, grey);
    }

    public void FromRgb48(Rgb48 p) => FromRgba64(new Rgba64(p.R, p.G, p.B, ushort.MaxValue));

    public void FromBgra5551(Bgra5551 p) => FromScaledVector4(p.ToScaledVector4());

    public void FromVector4(Vector4 vector) => FromScaledVector4(vector);

    public void FromScaledVector4(Vector4 vector)
    {
        Rgba64 wide = default;
        wide.FromScaledVector4(vector);
        FromRgba64(wide);
    }

    public readonly void ToRgba32(ref Rgba32 to) => to = new(R, G, B);

    public readonly Vector4 ToVector4() => new Rgba32(R, G, B).ToVector4();

    public readonly Vector4 ToScaledVector4() => ToVector4();

    public readonly PixelOperations<OnBlack> CreatePixelOperations() => new();

    public readonly bool Equals(OnBlack other) => (R, G, B) == (other.R, other.G, other.B);

    public override readonly bool Equals(object? other) => other is OnBlack pixel && Equals(pixel);

    public override readonly int GetHashCode() => (R << 16) | (G << 8) | B;
}
