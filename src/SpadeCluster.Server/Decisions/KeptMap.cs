using System.Buffers.Binary;
using System.IO.Compression;
using System.Runtime.InteropServices;
using SpadeCluster.Scoring;

namespace SpadeCluster.Server.Decisions;

/// <summary>
/// A stored anomaly map: values in 16-bit steps of the maximum, as differences to the previous value, deflated. Because maps are smooth,
/// this takes a fraction of their size; the error is at most 1/131,070 of the maximum.
/// </summary>
/// <param name="Values">[y][x].</param>
public sealed record KeptMap(int Width, int Height, float[] Values)
{
    private const int HeadBytes = 12;

    public static byte[] Pack(AnomalyMap map)
    {
        var steps = new ushort[map.Values.Length];
        double scale = map.Max > 0 ? ushort.MaxValue / map.Max : 0;
        ushort before = 0;
        for (int i = 0; i < steps.Length; i++)
        {
            ushort step = (ushort)(Math.Max(0, map.Values[i]) * scale + 0.5);
            steps[i] = (ushort)(step - before);
            before = step;
        }
        var memory = new MemoryStream();
        Span<byte> head = stackalloc byte[HeadBytes];
        BinaryPrimitives.WriteInt32LittleEndian(head, map.Width);
        BinaryPrimitives.WriteInt32LittleEndian(head[4..], map.Height);
        BinaryPrimitives.WriteSingleLittleEndian(head[8..], (float)map.Max);
        memory.Write(head);
        using (var deflate = new DeflateStream(memory, CompressionLevel.Fastest, leaveOpen: true))
            deflate.Write(MemoryMarshal.AsBytes<ushort>(steps));
        return memory.ToArray();
    }

    public static KeptMap Unpack(byte[] packed)
    {
        int width = BinaryPrimitives.ReadInt32LittleEndian(packed), height = BinaryPrimitives.ReadInt32LittleEndian(packed.AsSpan(4));
        float max = BinaryPrimitives.ReadSingleLittleEndian(packed.AsSpan(8));
        var steps = new ushort[checked(width * height)];
        using (var deflate = new DeflateStream(new MemoryStream(packed, HeadBytes, packed.Length - HeadBytes), CompressionMode.Decompress))
            deflate.ReadExactly(MemoryMarshal.AsBytes(steps.AsSpan()));
        var values = new float[steps.Length];
        ushort step = 0;
        for (int i = 0; i < steps.Length; i++) values[i] = (step += steps[i]) * (max / ushort.MaxValue);
        return new KeptMap(width, height, values);
    }

    public bool[] Above(double threshold) => [.. Values.Select(v => v > threshold)];
}
