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

    public static byte[] Write(ImageId id, string modelDigest, StoredFeatures features, FeaturePyramid pyramid, byte[]? thumbnail)
    {
        int levels = pyramid.Shapes.Count;
        int[] lengths = [4 * features.Pooled.Length, features.Moments.Sum(m => 16 * m.Sum.Length), thumbnail?.Length ?? 0,
            .. pyramid.Shapes.Select(s => 2 * s.Length)];
        int at = SegmentHeader.LengthFor(lengths.Length);
        var segment = new byte[at + lengths.Sum()];
        Append(MemoryMarshal.AsBytes<float>(features.Pooled));
        foreach (var m in features.Moments)
        {
            Append(MemoryMarshal.AsBytes<double>(m.Sum));
            Append(MemoryMarshal.AsBytes<double>(m.SumOfSquares));
        }
        Append(thumbnail);
        for (int l = 0; l < levels; l++) Append(pyramid.LevelBytes(l));
        SegmentHeader.Write(segment, id, modelDigest, lengths);
        return segment;

        void Append(ReadOnlySpan<byte> bytes)
        {
            bytes.CopyTo(segment.AsSpan(at));
            at += bytes.Length;
        }
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
            using var bytes = new HalfBytes(levels[l]);
            await ReadPartAsync(source, header, SegmentHeader.FirstLevel + l, bytes.Memory, cancellationToken);
        }
        return new FeaturePyramid(model.Levels, levels);
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
