using System.Runtime.Intrinsics.X86;

namespace SpadeCluster.Neighbors;

/// <summary>Which implementation of a kernel runs. All give the same results, and tests run each of them.</summary>
internal enum SimdPath
{
    Scalar,
    Vector256,
    Vector512,
}

internal static class SimdPaths
{
    /// <summary>The widest path of this machine.</summary>
    public static SimdPath Best { get; } =
        Avx512BW.IsSupported ? SimdPath.Vector512 : Avx2.IsSupported ? SimdPath.Vector256 : SimdPath.Scalar;

    /// <summary>Every path this machine can run.</summary>
    public static IEnumerable<SimdPath> Supported => Enum.GetValues<SimdPath>().Where(p => p <= Best);
}
