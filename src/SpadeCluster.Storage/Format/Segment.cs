using System.Buffers;
using System.Runtime.InteropServices;
using SpadeCluster.Features;
using SpadeCluster.Galleries;

namespace SpadeCluster.Storage.Format;

/// <summary>A stored segment, open for reading.</summary>
internal interface ISegmentSource : IDisposable
{
    /// <summary>Bytes of the segment.</summary>
    long Length { get; }

    /// <summary>Fills <paramref name="destination"/>, up to the end of the segment.</summary>
    /// <returns>Bytes read.</returns>
    ValueTask<int> ReadAsync(long offset, Memory<byte> destination, CancellationToken cancellationToken);
}

/// <summary>The stored data of one normal image as one block of bytes; <see cref="SegmentHeader"/> describes the layout.</summary>
internal static class Segment
{
    /// <summary>Bytes of the largest possible segment of a model.</summary>
    public static long MaxLength(FeatureModel model)
        => SegmentHeader.LengthFor(model) + 4L * model.PooledLength + SegmentHeader.MomentsLength(model) + GalleryService.MaxThumbnailBytes
            + model.Levels.Sum(s => 2L * s.Length);

    /// <param name="compressed">Whether the levels are compressed.</param>
    public static byte[] Write(ImageId id, string modelDigest, StoredFeatures features, FeaturePyramid pyramid, byte[]? thumbnail,
        bool compressed = false)
    {
        var moments = features.Moments.SelectMany(m => m.Sum.Concat(m.SumOfSquares)).ToArray();
        return Join(id, modelDigest, [MemoryMarshal.AsBytes<float>(features.Pooled).ToArray(),
            MemoryMarshal.AsBytes<double>(moments).ToArray(), thumbnail ?? [],
            .. pyramid.Shapes.Select((shape, l) => compressed ? CompressedLevel.Compress(MemoryMarshal.Cast<byte, Half>(
                pyramid.LevelBytes(l)), shape) : pyramid.LevelBytes(l).ToArray())], compressed);
    }

    /// <summary>Converts a compressed image to a plain one, and a plain one to a compressed one.</summary>
    /// <param name="segment">A segment whose every byte was checked.</param>
    /// <exception cref="SpadeException">DataLoss: a level cannot be decompressed.</exception>
    public static byte[] Convert(byte[] segment, SegmentHeader header, ImageId id, FeatureModel model)
        => Join(id, model.Digest, [.. Enumerable.Range(0, header.Parts).Select(part =>
        {
            var bytes = segment.AsSpan((int)header.Offset(part), header.Length(part));
            if (part < SegmentHeader.FirstLevel) return bytes.ToArray();
            var shape = model.Levels[part - SegmentHeader.FirstLevel];
            if (!header.IsCompressed) return CompressedLevel.Compress(MemoryMarshal.Cast<byte, Half>(bytes), shape);
            var plain = new byte[2 * shape.Length];
            return CompressedLevel.TryDecompress(bytes, shape, MemoryMarshal.Cast<byte, Half>(plain.AsSpan())) ? plain
                : throw header.Undecodable(part);
        })], !header.IsCompressed);

    private static byte[] Join(ImageId id, string modelDigest, byte[][] parts, bool compressed)
    {
        int at = SegmentHeader.LengthFor(parts.Length);
        var segment = new byte[at + parts.Sum(p => p.Length)];
        foreach (byte[] part in parts)
        {
            part.CopyTo(segment, at);
            at += part.Length;
        }
        SegmentHeader.Write(segment, compressed ? SegmentHeader.Compressed : SegmentHeader.Plain, id, modelDigest,
            [.. parts.Select(p => p.Length)]);
        return segment;
    }

    /// <summary>Checks every byte of a segment.</summary>
    public static void Verify(ReadOnlySpan<byte> segment, ImageId id, FeatureModel model, string where)
    {
        var header = SegmentHeader.Parse(segment, segment.Length, id, model, where);
        for (int part = 0; part < header.Parts; part++) header.Check(part, segment.Slice((int)header.Offset(part), header.Length(part)));
    }

    public static async ValueTask<SegmentHeader> ReadHeaderAsync(ISegmentSource source, ImageId id, FeatureModel model, string where,
        CancellationToken cancellationToken)
    {
        var bytes = new byte[SegmentHeader.LengthFor(model)];
        int read = await source.ReadAsync(0, bytes, cancellationToken);
        return SegmentHeader.Parse(bytes.AsSpan(0, read), source.Length, id, model, where);
    }

    public static async ValueTask<byte[]> ReadPartAsync(ISegmentSource source, SegmentHeader header, int part,
        CancellationToken cancellationToken)
    {
        var bytes = new byte[header.Length(part)];
        await ReadPartAsync(source, header, part, bytes, cancellationToken);
        return bytes;
    }

    /// <param name="paged">Whether the result is a page of a <c>PageCache</c>, filled repeatedly. Pages are allocated in the pinned heap:
    /// in the large-object heap they would count as live data and make the garbage collector postpone collections.</param>
    /// <param name="discarded">A pyramid that is no longer used and may be overwritten; or null.</param>
    public static async ValueTask<FeaturePyramid> ReadPyramidAsync(ISegmentSource source, SegmentHeader header, FeatureModel model,
        bool paged, FeaturePyramid? discarded, CancellationToken cancellationToken)
    {
        bool reuse = discarded is not null && discarded.Shapes.SequenceEqual(model.Levels);
        var levels = new Half[model.Levels.Count][];
        for (int l = 0; l < levels.Length; l++)
        {
            levels[l] = reuse ? discarded!.LevelArray(l) : GC.AllocateUninitializedArray<Half>(model.Levels[l].Length, pinned: paged);
            if (header.IsCompressed) await ReadCompressedAsync(source, header, l, model.Levels[l], levels[l], cancellationToken);
            else
            {
                using var bytes = new HalfBytes(levels[l]);
                await ReadPartAsync(source, header, SegmentHeader.FirstLevel + l, bytes.Memory, cancellationToken);
            }
        }
        return new FeaturePyramid(model.Levels, levels);
    }

    private static async ValueTask ReadCompressedAsync(ISegmentSource source, SegmentHeader header, int level, LevelShape shape,
        Half[] values, CancellationToken cancellationToken)
    {
        int part = SegmentHeader.FirstLevel + level, length = header.Length(part);
        byte[] bytes = ArrayPool<byte>.Shared.Rent(length);
        try
        {
            await ReadPartAsync(source, header, part, bytes.AsMemory(0, length), cancellationToken);
            if (!CompressedLevel.TryDecompress(bytes.AsSpan(0, length), shape, values)) throw header.Undecodable(part);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(bytes);
        }
    }

    public static ChannelMoments[] Moments(ReadOnlySpan<byte> part, FeatureModel model)
    {
        var values = MemoryMarshal.Cast<byte, double>(part);
        var moments = new ChannelMoments[model.Levels.Count];
        for (int l = 0, at = 0; l < moments.Length; l++)
        {
            int channels = model.Levels[l].Channels;
            moments[l] = new ChannelMoments(values.Slice(at, channels).ToArray(), values.Slice(at + channels, channels).ToArray());
            at += 2 * channels;
        }
        return moments;
    }

    private static async ValueTask ReadPartAsync(ISegmentSource source, SegmentHeader header, int part, Memory<byte> destination,
        CancellationToken cancellationToken)
    {
        int read = await source.ReadAsync(header.Offset(part), destination, cancellationToken);
        header.Check(part, destination.Span[..read]);
    }
}
