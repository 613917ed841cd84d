using SpadeCluster.Features;

namespace SpadeCluster.Imaging;

/// <summary>
/// Reads photographs: image files, recognised by their first bytes and not by their extension, and a camera's packed pixels
/// (<see cref="RawImage.Pack"/>). Errors name the file. Pixels are used as stored: see README.md in this folder.
/// </summary>
public sealed class ImageReader
{
    /// <summary>The bytes of eleven million pixels; decoding them takes far longer than a garbage collection.</summary>
    private const int LargeBytes = 32 << 20;

    // Whether a large image was decoded since the last collection, by any reader.
    private static bool _wasLarge;

    public static ImageReader Default { get; } = new();

    /// <summary>Decodes a file's bytes.</summary>
    /// <param name="name">The file's name in errors: a path, or a name from the client.</param>
    /// <exception cref="SpadeException">InvalidArgument: not an image, damaged, unsupported. ResourceExhausted: over
    /// <paramref name="limits"/>.</exception>
    public RgbImage Decode(ReadOnlySpan<byte> data, string name, ImageLimits? limits = null)
    {
        CollectLarge();
        using var share = ProcessorShare.Begin();
        using var rows = Open(data, name, limits ?? ImageLimits.Default, share.Threads);
        var image = rows.ToImage();
        if (image.Pixels.Length >= LargeBytes) Volatile.Write(ref _wasLarge, true);
        return image;
    }

    /// <summary>As <see cref="Decode"/>, without a copy of the pixels, and with a given number of threads.</summary>
    internal PixelRows Open(ReadOnlySpan<byte> data, string name, ImageLimits limits, int threads)
    {
        try
        {
            limits.CheckFile(data.Length);
            if (data.IsEmpty)
                throw DecodeError.Because("the file is empty");
            return RawImage.IsPacked(data) ? PixelRows.Of(Unpack(data, limits)) : ImageSharpDecoder.Decode(data, limits, threads);
        }
        catch (SpadeException e)
        {
            throw new SpadeException(e.Error, $"{name}: {e.Message}", e);
        }
    }

    /// <summary>The size in a file's header, without decoding the rest.</summary>
    /// <exception cref="SpadeException">As <see cref="Decode"/>, for problems of the header.</exception>
    public static (int Width, int Height) ReadSize(ReadOnlySpan<byte> data, string name)
    {
        try
        {
            return RawImage.IsPacked(data) ? RawImage.SizeOf(data) : ImageSharpDecoder.ReadSize(data);
        }
        catch (SpadeException e)
        {
            throw new SpadeException(e.Error, $"{name}: {e.Message}", e);
        }
    }

    private static RgbImage Unpack(ReadOnlySpan<byte> data, ImageLimits limits)
    {
        var (width, height) = RawImage.SizeOf(data);
        limits.CheckSize(width, height);
        return RawImage.Unpack(data);
    }

    /// <summary>
    /// Starts a garbage collection before the image after a large one, without waiting for it. By itself the collector would not run for a
    /// hundred megabytes, so a stream of such images would use the memory of many before one is freed.
    /// </summary>
    private static void CollectLarge()
    {
        if (Volatile.Read(ref _wasLarge) && Interlocked.Exchange(ref _wasLarge, false))
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: false);
    }

    /// <summary>Reads and decodes a file.</summary>
    /// <exception cref="SpadeException">As <see cref="Decode"/>; NotFound: no such file; InvalidArgument: a folder, or no
    /// permission to read; Unavailable: the disk or network failed.</exception>
    public RgbImage ReadFile(string path, ImageLimits? limits = null) =>
        Decode(ReadBytes(path, limits ?? ImageLimits.Default), path, limits);

    /// <summary>Reads a file's bytes, within limits; errors as <see cref="ReadFile"/>.</summary>
    public static byte[] ReadBytes(string path, ImageLimits limits)
    {
        try
        {
            using var file = File.OpenHandle(path, options: FileOptions.SequentialScan);
            long length = RandomAccess.GetLength(file);
            limits.CheckFile(length);
            byte[] data = GC.AllocateUninitializedArray<byte>((int)Math.Min(length, Array.MaxLength));
            int read = 0;
            while (read < data.Length && RandomAccess.Read(file, data.AsSpan(read), read) is > 0 and int n)
                read += n;
            return read == data.Length ? data : data[..read];
        }
        catch (SpadeException e)
        {
            throw new SpadeException(e.Error, $"{path}: {e.Message}", e);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new SpadeException(SpadeError.NotFound, $"{path}: no such file", e);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new SpadeException(SpadeError.InvalidArgument,
                $"{path}: {(Directory.Exists(path) ? "is a folder, not an image file" : "no permission to read this file")}", e);
        }
        catch (Exception e) when (e is ArgumentException or PathTooLongException or NotSupportedException)
        {
            throw new SpadeException(SpadeError.InvalidArgument, $"{path}: not a usable file name", e);
        }
        catch (IOException e)
        {
            throw new SpadeException(SpadeError.Unavailable, $"{path}: cannot be read now ({e.Message})", e);
        }
    }
}
