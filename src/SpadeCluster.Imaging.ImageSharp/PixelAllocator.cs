using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using SixLabors.ImageSharp;
using SixLabors.ImageSharp.Memory;
using SixLabors.ImageSharp.PixelFormats;
using SpadeCluster.Features;

namespace SpadeCluster.Imaging.ImageSharp;

/// <summary>
/// Gives ImageSharp, for the decoding of one file, the array that becomes the decoded image, so that its pixels are never
/// copied. All other memory is <paramref name="other"/>'s.
/// </summary>
/// <param name="megabytes">The most that the image may take.</param>
internal sealed class PixelAllocator(MemoryAllocator other, int megabytes) : MemoryAllocator
{
    // The image; other buffers of pixels are parts of it, or come later.
    private byte[] _largest = [];

    /// <summary>The pixels, of three bytes each, of an image that was decoded with such an allocator.</summary>
    public static RgbImage Take<TPixel>(Image<TPixel> image) where TPixel : unmanaged, IPixel<TPixel>
    {
        byte[] largest = ((PixelAllocator)image.Configuration.MemoryAllocator)._largest;
        bool isOurs = image.DangerousTryGetSinglePixelMemory(out var memory)
            && Unsafe.AreSame(ref MemoryMarshal.GetReference(MemoryMarshal.AsBytes(memory.Span)), ref MemoryMarshal.GetArrayDataReference(largest));
        if (isOurs) return new RgbImage(image.Width, image.Height, largest);
        var copy = new RgbImage(image.Width, image.Height);
        image.CopyPixelDataTo(copy.Pixels);
        return copy;
    }

    public override IMemoryOwner<T> Allocate<T>(int length, AllocationOptions options = AllocationOptions.None)
    {
        // Only pixels are of three bytes.
        if (Unsafe.SizeOf<T>() != 3) return other.Allocate<T>(length, options);
        if (3L * length > Math.Min((long)megabytes << 20, Array.MaxLength)) throw new InvalidMemoryOperationException($"{length:N0} pixels are over the limit");
        // Always zeroed: what a decoder skips of a damaged file is not to show what this memory held before.
        byte[] bytes = new byte[3 * length];
        if (bytes.Length > _largest.Length) _largest = bytes;
        return new Pixels<T>(bytes);
    }

    /// <summary>So that an image is one buffer.</summary>
    protected override int GetBufferCapacityInBytes() => int.MaxValue;

    private sealed class Pixels<T>(byte[] bytes) : MemoryManager<T> where T : struct
    {
        public override Span<T> GetSpan() => MemoryMarshal.Cast<byte, T>(bytes.AsSpan());

        public override unsafe MemoryHandle Pin(int elementIndex = 0)
        {
            var handle = GCHandle.Alloc(bytes, GCHandleType.Pinned);
            return new MemoryHandle((byte*)handle.AddrOfPinnedObject() + (3 * elementIndex), handle);
        }

        public override void Unpin()
        {
        }

        protected override void Dispose(bool disposing)
        {
        }
    }
}
