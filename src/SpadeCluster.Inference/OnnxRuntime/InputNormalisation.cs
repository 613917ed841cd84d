namespace SpadeCluster.Inference.OnnxRuntime;

/// <summary>Converts pixels to a network's input, (pixel - mean) / scale, by a table with one value per byte.</summary>
internal sealed class InputNormalisation
{
    private readonly float[][] _table = new float[3][]; // [network channel][byte]
    private readonly int[] _channelOf; // offset in a pixel of each network channel

    public InputNormalisation(ModelManifest manifest)
    {
        _channelOf = manifest.ChannelOrder == ChannelOrder.RGB ? [0, 1, 2] : [2, 1, 0];
        for (int c = 0; c < 3; c++) _table[c] =
            [.. Enumerable.Range(0, 256).Select(v => (float)((v - (double)manifest.Mean[c]) / manifest.Scale[c]))];
    }

    /// <param name="pixels">Row-major RGB.</param>
    /// <param name="input">[3][height][width].</param>
    public void Apply(ReadOnlySpan<byte> pixels, Span<float> input)
    {
        int plane = input.Length / 3;
        for (int c = 0; c < 3; c++)
        {
            float[] table = _table[c];
            var target = input.Slice(c * plane, plane);
            for (int i = 0, at = _channelOf[c]; i < target.Length; i++, at += 3) target[i] = table[pixels[at]];
        }
    }
}
