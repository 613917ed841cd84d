namespace SpadeCluster.Neighbors;

/// <summary>
/// For every cell of one grid, its kappa smallest squared distances to gallery cells, ascending, and where they were.
/// Ties go to the lowest (image position, y, x), so lists merged from any split of the gallery are the same bits.
/// </summary>
public sealed class PixelMatches
{
    public PixelMatches(int height, int width, int kappa)
    {
        (Height, Width, Kappa) = (height, width, kappa);
        int n = height * width * kappa;
        (Distances, Images, Cells) = (new float[n], new int[n], new int[n]);
        Array.Fill(Distances, float.PositiveInfinity);
        Array.Fill(Images, int.MaxValue);
        Array.Fill(Cells, int.MaxValue);
    }

    public int Height { get; }
    public int Width { get; }
    public int Kappa { get; }

    /// <summary>[cell][rank]: squared distance; +infinity where the gallery had fewer than kappa cells.</summary>
    public float[] Distances { get; }

    /// <summary>[cell][rank]: position of the gallery image in the search's list (which callers order by image id).</summary>
    public int[] Images { get; }

    /// <summary>[cell][rank]: cell of that image on the same grid, y * Width + x.</summary>
    public int[] Cells { get; }

    /// <summary>Offers one candidate to a cell's list, keeping it sorted by (distance, image, cell).</summary>
    public void Offer(int cell, float distance, int image, int galleryCell)
    {
        int first = cell * Kappa, i = first + Kappa - 1;
        if (!Precedes(distance, image, galleryCell, i)) return;
        for (; i > first && Precedes(distance, image, galleryCell, i - 1); i--)
            (Distances[i], Images[i], Cells[i]) = (Distances[i - 1], Images[i - 1], Cells[i - 1]);
        (Distances[i], Images[i], Cells[i]) = (distance, image, galleryCell);
    }

    /// <summary>Merges what another part of the gallery found.</summary>
    public void Merge(PixelMatches other)
    {
        if ((Height, Width, Kappa) != (other.Height, other.Width, other.Kappa))
            throw new ArgumentException(
                $"cannot merge {other.Height}x{other.Width} kappa {other.Kappa} into {Height}x{Width} kappa {Kappa}", nameof(other));
        for (int cell = 0; cell < Height * Width; cell++)
            for (int r = cell * Kappa; r < (cell + 1) * Kappa && other.Images[r] != int.MaxValue; r++)
                Offer(cell, other.Distances[r], other.Images[r], other.Cells[r]);
    }

    private bool Precedes(float distance, int image, int cell, int at)
    {
        if (distance != Distances[at]) return distance < Distances[at];
        if (image != Images[at]) return image < Images[at];
        return cell < Cells[at];
    }
}
