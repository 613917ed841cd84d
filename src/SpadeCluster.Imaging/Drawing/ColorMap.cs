namespace SpadeCluster.Imaging;

/// <summary>
/// Colours for values from 0 to 1. Both maps become lighter from 0 to 1, so that they are readable with every kind of colour vision and in
/// grey print.
/// </summary>
public sealed class ColorMap
{
    private readonly Rgb[] _table = new Rgb[256];

    private ColorMap(params ReadOnlySpan<Rgb> anchors)
    {
        for (int i = 0; i < _table.Length; i++)
        {
            float at = i * (anchors.Length - 1) / 255f;
            int k = Math.Min((int)at, anchors.Length - 2);
            _table[i] = anchors[k].Mix(anchors[k + 1], at - k);
        }
    }

    /// <summary>Black over purple and orange to pale yellow.</summary>
    public static ColorMap Inferno { get; } = new(
        new(0, 0, 4), new(30, 12, 70), new(86, 16, 110), new(136, 34, 106), new(187, 55, 84),
        new(227, 90, 50), new(249, 141, 10), new(248, 202, 52), new(252, 255, 165));

    /// <summary>Dark blue over grey to yellow.</summary>
    public static ColorMap Cividis { get; } = new(
        new(0, 34, 78), new(28, 52, 110), new(66, 78, 108), new(96, 102, 112), new(125, 124, 120),
        new(156, 148, 118), new(188, 174, 108), new(222, 203, 90), new(254, 232, 56));

    /// <summary>The colour of a value; values outside 0 to 1 are clipped, and NaN counts as 0.</summary>
    public Rgb this[float value] => _table[(int)(Math.Clamp(float.IsNaN(value) ? 0 : value, 0, 1) * 255 + 0.5f)];
}
