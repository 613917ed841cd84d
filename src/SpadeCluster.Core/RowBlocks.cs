namespace SpadeCluster;

/// <summary>Work on the rows of a picture or a map, which do not depend on each other.</summary>
public static class RowBlocks
{
    /// <summary>Pixels that are worth a thread of their own.</summary>
    private const int PixelsOfBlock = 1 << 16;

    /// <summary>Divides rows into blocks: one on the caller's thread if they are few, else several on all processors.</summary>
    /// <param name="action">Gets the first row of a block, and the one after its last.</param>
    public static void Run(int rows, int width, Action<int, int> action)
    {
        int blocks = Math.Clamp((int)((long)rows * width / PixelsOfBlock), 1, rows);
        if (blocks == 1) action(0, rows);
        else Parallel.For(0, blocks, b => action((int)((long)rows * b / blocks), (int)((long)rows * (b + 1) / blocks)));
    }
}
