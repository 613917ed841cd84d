using SpadeCluster.Features;

namespace SpadeCluster.Imaging.ImageSharp;

/// <summary>
/// Brings one JPEG component of halved samples to the image's size: weights 3/4 for the nearer and 1/4 for the further sample,
/// in both directions, rounded as libjpeg's "fancy" upsampling rounds. Other ratios are repeated there too. Works from the
/// first row down, in the image whose pixels hold the component, its samples repeated.
/// </summary>
internal sealed class ChromaUpsampling
{
    private readonly RgbImage _image;
    private readonly int _channel, _across;
    private readonly bool _smoothAcross, _smoothDown;

    // The line of samples before, the one at the row and the one beyond it: rows above are overwritten already.
    private int[] _before, _here, _beyond;
    private readonly int[] _sums;

    /// <param name="channel">Of the pixels that hold the component.</param>
    public ChromaUpsampling(JpegComponent component, int channel, RgbImage image)
    {
        (_image, _channel, _across) = (image, channel, component.Across);
        int samples = (image.Width + component.Across - 1) / component.Across;
        // libjpeg's cases: 2x1 and 2x2 of more than two samples a line, and 1x2.
        _smoothAcross = component is { Across: 2, Down: 1 or 2 } && samples > 2;
        _smoothDown = component.Down == 2 && (component.Across == 1 || _smoothAcross);
        (_before, _here, _beyond, _sums) = (new int[samples], new int[samples], new int[samples], new int[samples]);
    }

    public bool IsNeeded => _smoothAcross || _smoothDown;

    /// <summary>Overwrites the component in row <paramref name="y"/>; of rows to come it needs what they hold.</summary>
    public void Row(int y)
    {
        if (_smoothDown) SumLines(y);
        else Read(y, _sums);
        var to = _image.Pixels.AsSpan(3 * y * _image.Width, 3 * _image.Width)[_channel..];
        if (_smoothAcross) Across(to);
        else for (int i = 0, x = 0; i < _sums.Length; i++, x += 3) to[x] = (byte)((_sums[i] + 1 + y % 2) >> 2);
    }

    /// <summary>3/4 of the nearer line and 1/4 of the one above an even row, below an odd one; the image's edge lines repeated.</summary>
    private void SumLines(int y)
    {
        if (y % 2 == 0)
        {
            // The row above an even one read this row's line already.
            (_before, _here, _beyond) = (_here, _beyond, _before);
            if (y == 0)
            {
                Read(0, _before);
                Read(0, _here);
            }
        }
        else
        {
            Read(y + 1 < _image.Height ? y + 1 : y, _beyond);
        }
        var far = y % 2 == 0 ? _before : _beyond;
        for (int i = 0; i < _sums.Length; i++) _sums[i] = 3 * _here[i] + far[i];
    }

    /// <summary>Halves are rounded up on one side of a sample and down on the other, so that none is favoured.</summary>
    private void Across(Span<byte> to)
    {
        var (left, right, shift) = _smoothDown ? (8, 7, 4) : (1, 2, 2);
        for (int i = 0, x = 0; i < _sums.Length; i++, x += 6)
        {
            int near = 3 * _sums[i];
            to[x] = (byte)((near + _sums[Math.Max(i - 1, 0)] + left) >> shift);
            if (x + 3 < to.Length) to[x + 3] = (byte)((near + _sums[Math.Min(i + 1, _sums.Length - 1)] + right) >> shift);
        }
    }

    private void Read(int y, int[] samples)
    {
        var row = _image.Pixels.AsSpan(3 * y * _image.Width, 3 * _image.Width)[_channel..];
        for (int i = 0, at = 0; i < samples.Length; i++, at += 3 * _across) samples[i] = row[at];
    }
}
