namespace SpadeCluster.Inference.Managed;

/// <summary>Columns of a matrix product, cut into whole vectors and these into panels that the micro-kernel takes.</summary>
/// <param name="columns">Columns that are real; the last vector may hold more.</param>
/// <param name="width">Columns in a vector.</param>
/// <param name="mostVectors">Vectors in a panel.</param>
internal readonly struct Panels(int columns, int width, int mostVectors)
{
    public int Vectors { get; } = (columns + width - 1) / width;
    public int Count => (Vectors + mostVectors - 1) / mostVectors;

    /// <summary>The first vector of a panel. They share the vectors evenly: 13 vectors make 3, 3, 3, 2, 2.</summary>
    public int Start(int panel) => (panel * (Vectors / Count)) + Math.Min(panel, Vectors % Count);
}
