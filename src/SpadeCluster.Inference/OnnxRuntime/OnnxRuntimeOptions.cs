using System.ComponentModel.DataAnnotations;

namespace SpadeCluster.Inference.OnnxRuntime;

/// <summary>How cuDNN chooses a convolution's algorithm.</summary>
public enum CudnnSearch
{
    /// <summary>By cuDNN's heuristics: the same choice at every start, and therefore the same bits.</summary>
    Heuristic,
    /// <summary>By measuring all at the warm-up: fastest, but the next start may choose another algorithm, which rounds
    /// differently.</summary>
    Exhaustive,
    /// <summary>One fixed algorithm, which needs little memory.</summary>
    Default,
}

/// <summary>Settings of an <see cref="OnnxRuntimeExtractor"/>.</summary>
public sealed record OnnxRuntimeOptions
{
    public OnnxRuntimeDevice Device { get; init; }

    /// <summary>CPU threads of an image; 0: its share of the processors (<see cref="ProcessorShare"/>).</summary>
    public int Threads { get; init; }

    /// <summary>Images per run on CUDA, where every run has exactly this many, the last one padded with black images: cuDNN chooses its
    /// algorithms by shape, and an image's features must not depend on its batch. 1 suits single photographs, 8 to 32 a busy GPU. On the
    /// CPU images are computed side by side instead, which is as fast.</summary>
    [Range(1, 1024)]
    public int Batch { get; init; } = 1;

    /// <summary>The session's levels are float16: half the copying, and the same pyramid, because galleries round to float16.</summary>
    public bool HalfLevels { get; init; }

    /// <summary>Limit of the session's GPU memory in bytes; null: no limit.</summary>
    [Range(1L, long.MaxValue)]
    public long? GpuMemoryLimit { get; init; }

    public CudnnSearch CudnnSearch { get; init; } = CudnnSearch.Heuristic;

    /// <summary>Lets cuDNN use as much workspace as its fastest algorithm needs.</summary>
    public bool CudnnMaxWorkspace { get; init; } = true;

    /// <summary>Tensor cores on float32 rounded to 10 bits: faster, but features differ by about 1e-3 from those of other hosts.</summary>
    public bool AllowTf32 { get; init; }

    /// <summary>Continue on the CPU if CUDA is missing or fails, and report it in the health; otherwise such a failure is an
    /// error.</summary>
    public bool FallBackToCpu { get; init; }
}
