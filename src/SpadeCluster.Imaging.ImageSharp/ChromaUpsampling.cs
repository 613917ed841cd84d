using System.Runtime.InteropServices;
using SixLabors.ImageSharp;
using SixLabors.ImageSharp.PixelFormats;

namespace SpadeCluster.Imaging.ImageSharp;

/// <summary>
/// Brings one JPEG component of halved samples to the image's size: weights 3/4 for the nearer and 1/4 for the further sample,
/// in both directions, rounded as libjpeg's "fancy" upsampling rounds. Other ratios are repeated there too.
/// </summary>
internal sealed class ChromaUpsampling
{
    private readonly JpegComponent _component;
    private readonly int _channel, _lines;
    private readonly bool _across, _down;
    private readonly int[] _sums;

    /// <param name="channel">Of the pixels that hold the component, its samples repeated.</param>
    public ChromaUpsampling(JpegComponent component, int channel, int width, int height)
    {
        (_component, _channel) = (component, channel);
        _lines = (height + component.Down - 1) / component.Down;
        _sums = new int[(width + component.Across - 1) / component.Across];
        // libjpeg's cases: 2x1 and 2x2 of more than two samples a line, and 1x2.
        _across = component is { Across: 2, Down: 1 or 2 } && _sums.Length > 2;
        _down = component.Down == 2 && (component.Across == 1 || _across);
    }

    public bool IsNeeded => _across || _down;

    /// <summary>Overwrites the component in row <paramref name="y"/> of interleaved bytes.</summary>
    public void Row(PixelAccessor<Rgb24> rows, int y, Span<byte> to)
    {
        // Between lines: 3/4 of the nearer one and 1/4 of the one beyond it, the image's edge lines repeated.
        int line = y / _component.Down, further = Math.Clamp(y % 2 == 0 ? line - 1 : line + 1, 0, _lines - 1), step = 3 * _component.Across;
        var near = Samples(rows, line);
        if (_down)
        {
            var far = Samples(rows, further);
            for (int i = 0, at = 0; i < _sums.Length; i++, at += step) _sums[i] = 3 * near[at] + far[at];
        }
        else
        {
            for (int i = 0, at = 0; i < _sums.Length; i++, at += step) _sums[i] = near[at];
        }

        if (_across) Across(to[_channel..]);
        else for (int i = 0, x = _channel; i < _sums.Length; i++, x += 3) to[x] = (byte)((_sums[i] + 1 + y % 2) >> 2);
    }

    /// <summary>Halves are rounded up on one side of a sample and down on the other, so that none is favoured.</summary>
    private void Across(Span<byte> to)
    {
        var (left, right, shift) = _down ? (8, 7, 4) : (1, 2, 2);
        for (int i = 0, x = 0; i < _sums.Length; i++, x += 6)
        {
            int near = 3 * _sums[i];
            to[x] = (byte)((near + _sums[Math.Max(i - 1, 0)] + left) >> shift);
            if (x + 3 < to.Length) to[x + 3] = (byte)((near + _sums[Math.Min(i + 1, _sums.Length - 1)] + right) >> shift);
        }
    }

    private Span<byte> Samples(PixelAccessor<Rgb24> rows, int line) => MemoryMarshal.AsBytes(rows.GetRowSpan(line * _component.Down))[_channel..];
}
