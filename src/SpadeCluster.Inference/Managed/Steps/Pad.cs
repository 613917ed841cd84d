namespace SpadeCluster.Inference.Managed;

internal enum PadMode
{
    Constant,
    Reflect,
    Edge,
}

/// <summary>Pads height and width of [1, C, H, W].</summary>
internal sealed unsafe class Pad : Step
{
    private readonly int[] _rows, _columns; // the input row (column) each output row (column) copies, -1 for the constant
    private readonly float _constant;
    private readonly int _top, _left, _height, _width;

    public Pad(string name, Value input, Value output, int top, int left, PadMode mode, float constant) : base(name, output, input)
    {
        (_height, _width, _top, _left, _constant) = (input.Shape[2], input.Shape[3], top, left, constant);
        _rows = Sources(output.Shape[2], top, _height, mode);
        _columns = Sources(output.Shape[3], left, _width, mode);
    }

    public override int Tasks => Output.Shape[1];

    public override void Run(int task, float* scratch)
    {
        int rows = _rows.Length, columns = _columns.Length;
        float* x = Inputs[0].Pointer + ((long)task * _height * _width), y = Output.Pointer + ((long)task * rows * columns);
        for (int r = 0; r < rows; r++, y += columns)
        {
            var line = new Span<float>(y, columns);
            if (_rows[r] < 0)
            {
                line.Fill(_constant);
                continue;
            }
            var source = new ReadOnlySpan<float>(x + ((long)_rows[r] * _width), _width);
            source.CopyTo(line[_left..]);
            for (int c = 0; c < _left; c++) line[c] = _columns[c] < 0 ? _constant : source[_columns[c]];
            for (int c = _left + _width; c < columns; c++) line[c] = _columns[c] < 0 ? _constant : source[_columns[c]];
        }
    }

    private static int[] Sources(int size, int before, int inner, PadMode mode)
    {
        var sources = new int[size];
        for (int i = 0; i < size; i++)
        {
            int at = i - before;
            if ((uint)at >= (uint)inner)
                at = mode switch
                {
                    PadMode.Constant => -1,
                    PadMode.Edge => Math.Clamp(at, 0, inner - 1),
                    _ => at < 0 ? -at : (2 * (inner - 1)) - at,
                };
            sources[i] = at;
        }
        return sources;
    }
}
