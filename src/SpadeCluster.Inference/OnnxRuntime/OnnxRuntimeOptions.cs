using System.ComponentModel.DataAnnotations;

namespace SpadeCluster.Inference.OnnxRuntime;

/// <summary>How cuDNN chooses a convolution's algorithm.</summary>
public enum CudnnSearch
{
    /// <summary>By cuDNN's rules: the same choice at every start, so the same bits.</summary>
    Heuristic,
    /// <summary>By timing all at the warm-up: fastest, but another start may choose another algorithm and round differently.</summary>
    Exhaustive,
    /// <summary>One fixed algorithm, which needs little memory.</summary>
    Default,
}

/// <summary>Settings of an <see cref="OnnxRuntimeExtractor"/>.</summary>
public sealed record OnnxRuntimeOptions
{
    public OnnxRuntimeDevice Device { get; init; }

    /// <summary>CPU threads an image may use; 0 for one per processor this process may use.</summary>
    public int Threads { get; init; }

    /// <summary>Images per run. On the CPU a run takes as many as there are, up to this. On CUDA every run takes exactly this
    /// many, the last one padded with black images: cuDNN chooses its algorithms by shape, and an image's features may not
    /// depend on the batch it came in. 1 suits single photographs, 8 to 32 a busy GPU. A silo's CPU devices take their
    /// queue's Spade:Extractor:MaxBatch where this is not set.</summary>
    [Range(1, 1024)]
    public int Batch { get; init; } = 1;

    /// <summary>Levels leave the session as float16: half the copying, and the same pyramid, since galleries round to
    /// float16 anyway.</summary>
    public bool HalfLevels { get; init; }

    /// <summary>Bytes of GPU memory the session may take; null: what the device has.</summary>
    [Range(1L, long.MaxValue)]
    public long? GpuMemoryLimit { get; init; }

    public CudnnSearch CudnnSearch { get; init; } = CudnnSearch.Heuristic;

    /// <summary>Lets cuDNN use as much workspace as its fastest algorithm wants.</summary>
    public bool CudnnMaxWorkspace { get; init; } = true;

    /// <summary>Tensor cores on float32 rounded to 10 bits: faster, but features differ by about 1e-3 from every other host's.</summary>
    public bool AllowTf32 { get; init; }

    /// <summary>Go on with the CPU where CUDA is missing or fails, and say so in the health; else such a failure is an error.</summary>
    public bool FallBackToCpu { get; init; }
}
