using System.Buffers.Binary;
using System.Diagnostics;

namespace SpadeCluster.Imaging.Tests;

/// <summary>Damaged files, thousands of them: a decoder answers with an image or a <see cref="SpadeException"/>, within bounds
/// of memory and time, and never crashes.</summary>
public class MutationTests
{
    private const int Mutations = 2000;

    private static readonly ImageLimits Limits = new(MaxPixels: 1_000_000);

    public static TheoryData<string> Formats => new("png", "jpg", "bmp", "pnm", "tif", "webp");

    [Theory]
    [MemberData(nameof(Formats))]
    public void Mutated_files_decode_or_say_why(string format) => Run(format, new Random(format[0] * 1000 + format[1]));

    /// <summary>A file cut to 50 to 99 % of its bytes lacks pixels: ImageSharp alone would leave them grey or black.</summary>
    [Theory]
    [MemberData(nameof(Formats))]
    public void Files_cut_to_half_or_more_are_errors(string format)
    {
        foreach (string name in Names(format))
        {
            byte[] whole = GoldenFiles.Bytes(name);
            for (int percent = 50; percent <= 99; percent++)
            {
                byte[] cut = whole[..(whole.Length * percent / 100)];
                var e = Assert.Throws<SpadeException>(() => ImageReader.Default.Decode(cut, name));
                Assert.Equal(SpadeError.InvalidArgument, e.Error);
            }
        }
    }

    private static string[] Names(string format) => GoldenFiles.Names(format == "pnm" ? [".pgm", ".ppm"] : ["." + format]);

    private static void Run(string format, Random random)
    {
        byte[][] seeds = [.. Names(format).Select(GoldenFiles.Bytes)];
        int decoded = 0, refused = 0;
        var slowest = TimeSpan.Zero;
        long most = 0;
        for (int run = 0; run < Mutations; run++)
        {
            byte[] data = Mutate(seeds[random.Next(seeds.Length)], seeds[random.Next(seeds.Length)], random);
            if (format == "png" && random.Next(4) > 0)
                RepairChecksums(data); // else nearly every damage ends at the first check
            long start = Stopwatch.GetTimestamp(), before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                var image = ImageReader.Default.Decode(data, "mutated", Limits);
                Assert.InRange((long)image.Width * image.Height, 1, Limits.MaxPixels);
                decoded++;
            }
            catch (SpadeException e) when (e.Error is SpadeError.InvalidArgument or SpadeError.ResourceExhausted)
            {
                refused++;
            }
            var took = Stopwatch.GetElapsedTime(start);
            slowest = took > slowest ? took : slowest;
            most = Math.Max(most, GC.GetAllocatedBytesForCurrentThread() - before);
        }
        Assert.True(decoded > Mutations / 100, $"only {decoded} decoded: the mutations are too rough to reach far");
        Assert.True(refused > Mutations / 100, $"only {refused} refused: the mutations are too mild");
        Assert.InRange(most, 0, 16 * Limits.MaxPixels); // beside ImageSharp's own buffers, which are not the collector's
        Assert.True(slowest < TimeSpan.FromSeconds(5), $"one took {slowest}");
    }

    private static byte[] Mutate(byte[] seed, byte[] other, Random random)
    {
        byte[] data = [.. seed];
        for (int n = random.Next(1, 5); n > 0 && data.Length > 4; n--)
        {
            int at = random.Next(data.Length);
            switch (random.Next(8))
            {
                case 0: // truncate
                    data = data[..at];
                    break;
                case 1: // splice: this file's begin, another's end
                    data = [.. data[..at], .. other[random.Next(other.Length)..]];
                    break;
                case 2: // repeat a part
                    int end = Math.Min(data.Length, at + random.Next(1, 64));
                    data = [.. data[..end], .. data[at..]];
                    break;
                case 3: // cut a part out
                    data = [.. data[..at], .. data[Math.Min(data.Length, at + random.Next(1, 64))..]];
                    break;
                case 4: // an extreme value, where headers are
                    int near = random.Next(Math.Min(data.Length, 80));
                    data[near] = (byte)(random.Next(4) switch { 0 => 0, 1 => 255, 2 => 127, _ => 128 });
                    break;
                case 5: // another byte, where headers are
                    data[random.Next(Math.Min(data.Length, 80))] = (byte)random.Next(256);
                    break;
                default: // flip a bit
                    data[at] ^= (byte)(1 << random.Next(8));
                    break;
            }
        }
        return data;
    }

    private static void RepairChecksums(byte[] data)
    {
        for (int at = 8; at + 12 <= data.Length;)
        {
            uint length = BinaryPrimitives.ReadUInt32BigEndian(data.AsSpan(at));
            if (length > data.Length - at - 12)
                return;
            uint crc = PngBytes.Crc32(data.AsSpan(at + 4, 4 + (int)length));
            BinaryPrimitives.WriteUInt32BigEndian(data.AsSpan(at + 8 + (int)length), crc);
            at += 12 + (int)length;
        }
    }
}
