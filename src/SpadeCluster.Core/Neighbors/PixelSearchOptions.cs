namespace SpadeCluster.Neighbors;

/// <summary>How pyramid levels are combined into one distance per pixel.</summary>
public enum Fusion
{
    /// <summary>Levels concatenated per pixel, each pixel of the finest level taking the coarse cell that contains it:
    /// D(p, q) is the sum of the levels' squared distances.</summary>
    Concatenated,
    /// <summary>Nearest neighbour per level on that level's own grid; the maps are summed after upsampling.</summary>
    PerLevel,
}

/// <summary>What one pixel search computes.</summary>
/// <param name="Fusion">How levels are combined.</param>
/// <param name="Kappa">Nearest gallery pixels kept per query pixel (the paper's kappa), at least 1.</param>
/// <param name="Levels">Indices of the levels that take part, ascending (0 is the finest); null for all.</param>
/// <param name="Threads">Threads one search may use; 0: searches of this process share the processors evenly, as many as run when one
/// begins.</param>
/// <param name="Window">Gallery pixels count only within this many cells of the model's finest level, in each direction, of the query
/// pixel's position; null: anywhere.</param>
public sealed record PixelSearchOptions(Fusion Fusion = Fusion.Concatenated, int Kappa = 1, IReadOnlyList<int>? Levels = null,
    int Threads = 0, int? Window = null);
