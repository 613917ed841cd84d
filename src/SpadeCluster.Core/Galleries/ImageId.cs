using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;

namespace SpadeCluster.Galleries;

/// <summary>
/// An image's identity: the first 8 bytes of the SHA-256 of its file. It depends on the content alone, so the order of adding has no
/// effect. Ties between equal distances go to the lowest id.
/// </summary>
public readonly record struct ImageId(ulong Value) : IComparable<ImageId>
{
    public static ImageId Of(ReadOnlySpan<byte> file) => FromSha256(SHA256.HashData(file));

    public static ImageId FromSha256(ReadOnlySpan<byte> sha256) => new(BinaryPrimitives.ReadUInt64BigEndian(sha256));

    /// <summary>The id of a row of the photograph in a gallery: the photograph's own for the first, a hash of it for every other.</summary>
    /// <param name="row">From 0: the tiles of the photograph, then those of its copies.</param>
    public ImageId Row(int row) => row == 0 ? this : new(ShardMap.Mix(Value + (ulong)row * 0x9E3779B97F4A7C15));

    public static bool TryParse(string text, out ImageId id)
    {
        bool ok = ulong.TryParse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong value) && text.Length == 16;
        id = new ImageId(value);
        return ok;
    }

    public int CompareTo(ImageId other) => Value.CompareTo(other.Value);

    public static bool operator <(ImageId a, ImageId b) => a.Value < b.Value;
    public static bool operator >(ImageId a, ImageId b) => a.Value > b.Value;
    public static bool operator <=(ImageId a, ImageId b) => a.Value <= b.Value;
    public static bool operator >=(ImageId a, ImageId b) => a.Value >= b.Value;

    public override string ToString() => Value.ToString("x16", CultureInfo.InvariantCulture);
}
