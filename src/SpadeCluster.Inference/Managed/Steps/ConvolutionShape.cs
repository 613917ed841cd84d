using SpadeCluster.Inference.Onnx;

namespace SpadeCluster.Inference.Managed;

/// <summary>The geometry of a window that slides over height and width: kernels, strides, dilations, pads.</summary>
internal sealed record WindowShape(
    int InHeight, int InWidth, int OutHeight, int OutWidth, int KernelHeight, int KernelWidth, int StrideY, int StrideX,
    int DilationY, int DilationX, int PadTop, int PadLeft, int PadBottom, int PadRight)
{
    private const int Largest = 1 << 14;

    /// <summary>Reads the attributes that Conv and the pools share. <paramref name="kernel"/> is the weights' kernel, if any.</summary>
    public static WindowShape Of(OnnxNode node, int height, int width, int[]? kernel = null)
    {
        int[] k = kernel ?? node.Ints("kernel_shape") ?? throw node.Error("attribute 'kernel_shape' is missing");
        int[] strides = node.Ints("strides") ?? [1, 1], dilations = node.Ints("dilations") ?? [1, 1], pads = node.Ints("pads") ?? [0, 0, 0, 0];
        if (k.Length != 2 || strides.Length != 2 || dilations.Length != 2 || pads.Length != 4) throw node.Error("only windows over height and width (2-D) are supported");
        if (k.Concat(strides).Concat(dilations).Any(v => v is < 1 or > Largest) || pads.Any(v => v is < 0 or > Largest)) throw node.Error($"kernel, strides and dilations must be 1 to {Largest} and pads 0 to {Largest}");
        bool ceil = node.Int("ceil_mode", 0) != 0;
        int reachY = checked((dilations[0] * (k[0] - 1)) + 1), reachX = checked((dilations[1] * (k[1] - 1)) + 1);
        string autoPad = node.Text("auto_pad", "NOTSET");
        if (autoPad is "SAME_UPPER" or "SAME_LOWER")
        {
            int totalY = Math.Max(0, ((((height + strides[0] - 1) / strides[0]) - 1) * strides[0]) + reachY - height);
            int totalX = Math.Max(0, ((((width + strides[1] - 1) / strides[1]) - 1) * strides[1]) + reachX - width);
            int more = autoPad == "SAME_LOWER" ? 1 : 0; // which side takes the odd one
            pads = [(totalY + more) / 2, (totalX + more) / 2, (totalY + 1 - more) / 2, (totalX + 1 - more) / 2];
        }
        else if (autoPad == "VALID")
        {
            pads = [0, 0, 0, 0];
        }
        else if (autoPad != "NOTSET")
        {
            throw node.Error($"auto_pad '{autoPad}' is not supported");
        }
        int outHeight = Size(height, reachY, strides[0], pads[0], pads[2]), outWidth = Size(width, reachX, strides[1], pads[1], pads[3]);
        if (outHeight < 1 || outWidth < 1) throw node.Error($"its input of {height}x{width} is smaller than its window");
        return new(height, width, outHeight, outWidth, k[0], k[1], strides[0], strides[1], dilations[0], dilations[1], pads[0], pads[1], pads[2], pads[3]);

        int Size(int size, int reach, int stride, int before, int after)
        {
            int free = size + before + after - reach;
            if (free < 0) return 0;
            int count = ((ceil ? free + stride - 1 : free) / stride) + 1;
            // With ceil mode the last window must still start inside the input or its leading pad.
            return ceil && (count - 1) * stride >= size + before ? count - 1 : count;
        }
    }
}

/// <summary>A convolution with what was fused into it: out = clamp(conv(in) + bias + residual).</summary>
/// <param name="Weights">[OutChannels][InChannels / Groups][KernelHeight][KernelWidth].</param>
internal sealed record ConvolutionSpec(
    string Name, Value Input, Value Output, Value? Residual, WindowShape Window, int InChannels, int OutChannels, int Groups,
    float[] Weights, float[] Bias, float? Low, float? High)
{
    public int InPerGroup => InChannels / Groups;
    public int OutPerGroup => OutChannels / Groups;
    public Value[] Reads => Residual is null ? [Input] : [Input, Residual];
}
