using System.Runtime.CompilerServices;

namespace SpadeCluster.Inference.Managed;

/// <summary>
/// V = B^T d B of all 4x4 input tiles, written as panels for the product: [element][panel][channel][the panel's tiles].
/// A task is a channel. For each row of tiles the four input rows under it are combined first (B^T d, neighbouring
/// columns in a vector), then the columns (times B, neighbouring tiles in a vector: every second column).
/// </summary>
internal sealed unsafe class WinogradInput<S, V>(ConvolutionSpec spec, WinogradShape shape, Value output) : Step(spec.Name, output, spec.Input)
    where S : struct, ISimd<V>
    where V : struct
{
    private const int Elements = WinogradShape.Elements;
    private readonly WindowShape _window = spec.Window;

    // Zeros stand before the image and behind it; vectors may write and read beyond their end.
    private readonly int _line = ((2 * shape.TilesX) + spec.Window.InWidth + spec.Window.PadLeft + (4 * S.Width) + 15) & ~15;

    // The last row of tiles, too, runs over.
    private readonly int _pitch = shape.Pitch + S.Width;

    public override int Tasks => spec.InChannels;
    public override int ScratchFloats => (5 * _line) + (Elements * _pitch);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Run(int task, float* scratch)
    {
        var w = _window;
        float* image = spec.Input.Pointer + ((long)task * w.InHeight * w.InWidth), zeros = scratch + (4 * _line), tiles = zeros + _line;
        new Span<float>(scratch, 5 * _line).Clear();
        for (int ty = 0; ty < shape.TilesY; ty++)
        {
            int top = (2 * ty) - w.PadTop;
            CombineRows(Row(top), Row(top + 1), Row(top + 2), Row(top + 3), scratch);
            CombineColumns(scratch, tiles + (ty * shape.TilesX));
        }
        ToPanels(tiles, task);

        float* Row(int y) => (uint)y < (uint)w.InHeight ? image + ((long)y * w.InWidth) : zeros;
    }

    /// <summary>d0 - d2, d1 + d2, d2 - d1, d1 - d3, each a line of its own.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void CombineRows(float* d0, float* d1, float* d2, float* d3, float* lines)
    {
        int left = _window.PadLeft, width = _window.InWidth;
        float* l0 = lines + left, l1 = l0 + _line, l2 = l1 + _line, l3 = l2 + _line;
        for (int x = 0; x < width; x += S.Width)
        {
            V a = S.Load(d0 + x), b = S.Load(d1 + x), c = S.Load(d2 + x), d = S.Load(d3 + x);
            S.Store(l0 + x, S.Subtract(a, c));
            S.Store(l1 + x, S.Add(b, c));
            S.Store(l2 + x, S.Subtract(c, b));
            S.Store(l3 + x, S.Subtract(b, d));
        }
        // The last vectors brought the next row's first columns along.
        for (int i = 0; i < 4; i++) new Span<float>(l0 + (i * _line) + width, S.Width).Clear();
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void CombineColumns(float* lines, float* tiles)
    {
        for (int row = 0; row < 4; row++, lines += _line, tiles += 4 * _pitch)
        {
            for (int tx = 0; tx < shape.TilesX; tx += S.Width) // runs over into the next row of tiles, which is written later
            {
                float* x = lines + (2 * tx), to = tiles + tx;
                V a = S.LoadEven(x), b = S.LoadEven(x + 1), c = S.LoadEven(x + 2), d = S.LoadEven(x + 3);
                S.Store(to, S.Subtract(a, c));
                S.Store(to + _pitch, S.Add(b, c));
                S.Store(to + (2 * _pitch), S.Subtract(c, b));
                S.Store(to + (3 * _pitch), S.Subtract(b, d));
            }
        }
    }

    private void ToPanels(float* tiles, int channel)
    {
        for (int e = 0; e < Elements; e++)
        {
            float* element = Output.Pointer + ((long)e * spec.InChannels * shape.Pitch);
            for (int p = 0; p < shape.Panels.Count; p++)
            {
                int start = shape.Panels.Start(p) * S.Width, columns = (shape.Panels.Start(p + 1) * S.Width) - start;
                float* from = tiles + (e * _pitch) + start, to = element + ((long)start * spec.InChannels) + ((long)channel * columns);
                for (int i = 0; i < columns; i += S.Width) S.Store(to + i, S.Load(from + i));
            }
        }
    }
}
