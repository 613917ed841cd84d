using System.Buffers.Binary;

namespace SpadeCluster.Imaging;

/// <param name="Id">The component's id in the file.</param>
/// <param name="Across">Pixels that one sample covers, across; <paramref name="Down"/> likewise.</param>
internal readonly record struct JpegComponent(byte Id, int Across, int Down);

/// <summary>
/// What a JPEG file says of itself before its pixels, and whether it ends as it should: ImageSharp leaves what a truncated
/// file lacks grey.
/// </summary>
/// <param name="FrameOffset">Where the frame's marker stands.</param>
/// <param name="Components">Empty where the frame is of a kind that is left to libjpeg (12 bits, fractional sampling).</param>
/// <param name="IsRgb">Three components are red, green and blue, not YCbCr.</param>
internal sealed record JpegHeader(int FrameOffset, IReadOnlyList<JpegComponent> Components, bool IsRgb)
{
    private const byte StartOfScan = 0xDA, EndOfImage = 0xD9, App0 = 0xE0, App14 = 0xEE;

    /// <returns>null: no frame, or no end; damaged.</returns>
    public static JpegHeader? TryParse(ReadOnlySpan<byte> data)
    {
        JpegHeader? header = null;
        bool jfif = false;
        int adobe = -1;
        for (int at = 2; ;)
        {
            // Entropy-coded bytes are walked over: in them FF is followed by 0 or a restart mark.
            int marker = data[Math.Min(at, data.Length)..].IndexOf((byte)0xFF);
            if (marker < 0 || (at += marker) + 1 >= data.Length) return null;
            byte code = data[at + 1];
            if (code == EndOfImage) return header;
            if (code == 0xFF)
            {
                at++;
                continue;
            }
            if (code is 0 or 1 or (>= 0xD0 and <= 0xD8))
            {
                at += 2;
                continue;
            }
            if (at + 4 > data.Length || BinaryPrimitives.ReadUInt16BigEndian(data[(at + 2)..]) is var length && at + 2 + length > data.Length) return null;
            var body = data[(at + 4)..Math.Max(at + 4, at + 2 + length)];
            if (code == App0 && body.StartsWith("JFIF\0"u8)) jfif = true;
            else if (code == App14 && body.Length >= 12 && body.StartsWith("Adobe"u8)) adobe = body[11];
            else if (code == StartOfScan && header is null) return null;
            else if (IsFrame(code) && header is null)
            {
                if (body.Length < 6 || body.Length < 6 + 3 * body[5]) return null;
                header = Frame(body, at, jfif, adobe);
            }
            at += 2 + length;
        }
    }

    /// <summary>SOF0 to SOF15 without the three codes that are tables.</summary>
    private static bool IsFrame(byte code) => code is >= 0xC0 and <= 0xCF and not (0xC4 or 0xC8 or 0xCC);

    private static JpegHeader Frame(ReadOnlySpan<byte> body, int offset, bool jfif, int adobe)
    {
        var sampling = new (byte Id, int H, int V)[body[5]];
        for (int c = 0; c < sampling.Length; c++) sampling[c] = (body[6 + 3 * c], body[7 + 3 * c] >> 4, body[7 + 3 * c] & 15);
        int h = sampling.Select(s => s.H).DefaultIfEmpty().Max(), v = sampling.Select(s => s.V).DefaultIfEmpty().Max();
        bool plain = body[0] == 8 && Array.TrueForAll(sampling, s => s.H > 0 && s.V > 0 && h % s.H == 0 && v % s.V == 0);
        // libjpeg's rule: JFIF is YCbCr; else Adobe's marker says; else the components' names.
        bool rgb = !jfif && (adobe >= 0 ? adobe == 0 : sampling.Select(s => s.Id).SequenceEqual("RGB"u8.ToArray()));
        return new JpegHeader(offset, plain ? [.. sampling.Select(s => new JpegComponent(s.Id, h / s.H, v / s.V))] : [], rgb);
    }
}
