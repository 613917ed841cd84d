namespace SpadeCluster.Inference.Managed;

/// <summary>What the micro-kernel needs besides its operands.</summary>
internal unsafe struct GemmTile
{
    /// <summary>Length of this part of the sum.</summary>
    public int Depth;

    /// <summary>Distance between rows of the output (and of the residual), in floats.</summary>
    public nint Pitch;

    /// <summary>Whether this part is the sum's first (start from the bias, else from what the output holds) and its last.</summary>
    public bool First, Last;
    public float* Bias;

    /// <summary>From an output element to the residual's element that is added at the end.</summary>
    public nint ResidualOffset;
    public bool HasResidual, Clamp;
    public float Low, High;
}
