using System.Runtime.InteropServices;

namespace SpadeCluster.Inference.OnnxRuntime.Tests;

/// <summary>A test that needs a CUDA device; skipped, by name, without one. The device is detected through the
/// driver, not through ONNX Runtime: on a machine that has one, a provider that does not load is a failure, not a skip.</summary>
public sealed class CudaFactAttribute : FactAttribute
{
    public CudaFactAttribute() => Skip = Cuda.Missing;
}

/// <summary>A test of what happens where there is no CUDA device, or not the package for one.</summary>
public sealed class NoCudaFactAttribute : FactAttribute
{
    public NoCudaFactAttribute()
    {
        if (Cuda.Missing is null) Skip = "needs a machine or a build without CUDA";
    }
}

internal static unsafe class Cuda
{
    public static string? Missing { get; } =
#if GPU
        Devices() > 0 ? null : "needs a CUDA device, and there is none here";
#else
        Devices() > 0 ? "needs the GPU package: build with -p:Gpu=true" : "needs a CUDA device and a build with -p:Gpu=true";
#endif

    private static int Devices()
    {
        if (!NativeLibrary.TryLoad(OperatingSystem.IsWindows() ? "nvcuda.dll" : "libcuda.so.1", out nint driver)) return 0;
        var init = (delegate* unmanaged<uint, int>)NativeLibrary.GetExport(driver, "cuInit");
        var count = (delegate* unmanaged<int*, int>)NativeLibrary.GetExport(driver, "cuDeviceGetCount");
        int devices = 0;
        return init(0) == 0 && count(&devices) == 0 ? devices : 0;
    }
}
