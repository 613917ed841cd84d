using System.Runtime.InteropServices;

namespace SpadeCluster.Imaging;

/// <summary>The part of libturbojpeg (TurboJPEG API of versions 2 and 3) that decoding needs, bound when first used.</summary>
internal sealed unsafe class TurboJpeg
{
    public const int ColorspaceCmyk = 3, ColorspaceYcck = 4;
    public const int PixelsRgb = 0, PixelsCmyk = 11;

    /// <summary>TJFLAG_STOPONWARNING: missing or damaged data fails instead of leaving grey pixels.</summary>
    public const int StopOnWarning = 8192;

    /// <summary>TJFLAG_LIMITSCANS: at most 500 scans, so that a small file cannot demand hours.</summary>
    public const int LimitScans = 32768;

    // Debian's name first, then what other systems call it.
    private static readonly string[] Names = ["libturbojpeg.so.0", "libturbojpeg", "turbojpeg", "libturbojpeg.0.dylib"];
    private static readonly Lazy<TurboJpeg?> Loaded = new(() => Load(Names));

    private readonly delegate* unmanaged<nint> _initDecompress;
    private readonly delegate* unmanaged<nint, int> _destroy;
    private readonly delegate* unmanaged<nint, byte*, CULong, int*, int*, int*, int*, int> _decompressHeader;
    private readonly delegate* unmanaged<nint, byte*, CULong, byte*, int, int, int, int, int, int> _decompress;
    private readonly delegate* unmanaged<nint, byte*> _errorText;

    private TurboJpeg(nint library)
    {
        _initDecompress = (delegate* unmanaged<nint>)NativeLibrary.GetExport(library, "tjInitDecompress");
        _destroy = (delegate* unmanaged<nint, int>)NativeLibrary.GetExport(library, "tjDestroy");
        _decompressHeader = (delegate* unmanaged<nint, byte*, CULong, int*, int*, int*, int*, int>)NativeLibrary.GetExport(library, "tjDecompressHeader3");
        _decompress = (delegate* unmanaged<nint, byte*, CULong, byte*, int, int, int, int, int, int>)NativeLibrary.GetExport(library, "tjDecompress2");
        _errorText = (delegate* unmanaged<nint, byte*>)NativeLibrary.GetExport(library, "tjGetErrorStr2");
    }

    public static bool IsAvailable => Loaded.Value is not null;

    public static TurboJpeg Instance => Require(Loaded.Value);

    internal static TurboJpeg Require(TurboJpeg? library) => library
        ?? throw new SpadeException(SpadeError.Unavailable, "JPEG needs the system's libturbojpeg, which is not here: install libturbojpeg (Debian: apt-get install libturbojpeg0)");

    /// <summary>A new decompressor; one per decoding thread, to be destroyed.</summary>
    public nint Open() => _initDecompress() is not 0 and var handle
        ? handle
        : throw new SpadeException(SpadeError.Unavailable, "libturbojpeg could not start a decoder");

    public void Close(nint handle) => _ = _destroy(handle);

    public bool ReadHeader(nint handle, byte* data, int length, out int width, out int height, out int colorspace)
    {
        int w = 0, h = 0, subsampling = 0, c = 0;
        int failed = _decompressHeader(handle, data, new CULong((uint)length), &w, &h, &subsampling, &c);
        (width, height, colorspace) = (w, h, c);
        return failed == 0;
    }

    /// <param name="pixels">Room for width * height pixels of <paramref name="format"/>, rows without padding.</param>
    public bool Decode(nint handle, byte* data, int length, byte* pixels, int width, int height, int format, int flags) =>
        _decompress(handle, data, new CULong((uint)length), pixels, width, 0, height, format, flags) == 0;

    public string ErrorText(nint handle) => Marshal.PtrToStringUTF8((nint)_errorText(handle)) ?? "unknown error";

    /// <summary>Binds the first of these libraries that is there, or returns null.</summary>
    internal static TurboJpeg? Load(IReadOnlyList<string> names)
    {
        foreach (string name in names)
            if (NativeLibrary.TryLoad(name, out nint library) && NativeLibrary.TryGetExport(library, "tjGetErrorStr2", out _))
                return new TurboJpeg(library);
        return null;
    }
}
