namespace SpadeCluster.Features;

/// <summary>The turned copies of each normal that a gallery also has, for parts that are as good in that orientation.</summary>
[Flags]
public enum Copies
{
    None = 0,
    /// <summary>Left and right exchanged.</summary>
    Mirror = 1,
    /// <summary>Top and bottom exchanged.</summary>
    Flip = 2,
    /// <summary>Rotated by 180 degrees.</summary>
    HalfTurn = 4,
    /// <summary>Rotated by 90 and by 270 degrees; for square inputs only.</summary>
    QuarterTurns = 8,
}

/// <summary>The orientation of a copy. Rotations are clockwise.</summary>
public enum Orientation
{
    Original,
    Mirrored,
    Flipped,
    Rotated180,
    Rotated90,
    Rotated270,
}

/// <summary>Names of copies, and the positions of their pixels on the photograph.</summary>
public static class CopyExtensions
{
    private const string Before = " copies ";

    private static readonly (Copies Copies, string Name, Orientation[] Orientations)[] Known =
    [
        (Copies.Mirror, "mirror", [Orientation.Mirrored]),
        (Copies.Flip, "flip", [Orientation.Flipped]),
        (Copies.HalfTurn, "half-turn", [Orientation.Rotated180]),
        (Copies.QuarterTurns, "quarter-turns", [Orientation.Rotated90, Orientation.Rotated270]),
    ];

    /// <summary>[copies].</summary>
    private static readonly Orientation[][] All = [.. Enumerable.Range(0, 1 << Known.Length).Select(copies => (Orientation[])
        [Orientation.Original, .. Known.Where(k => ((Copies)copies).HasFlag(k.Copies)).SelectMany(k => k.Orientations)])];

    /// <summary>Every name that <see cref="Parse"/> takes.</summary>
    public static string Names { get; } = $"none, {string.Join(", ", Known.Select(k => k.Name))}";

    /// <param name="names">"none", or names separated by commas.</param>
    /// <exception cref="SpadeException">InvalidArgument: another name.</exception>
    public static Copies Parse(string names)
        => names == "none" ? Copies.None : names.Split(',', StringSplitOptions.TrimEntries).Aggregate(Copies.None, (all, name) =>
            all | Array.Find(Known, k => k.Name == name) switch
            {
                { Name: not null } known => known.Copies,
                _ => throw new SpadeException(SpadeError.InvalidArgument,
                    $"there are no copies '{name}': choose from {Names}, or several separated by commas"),
            });

    /// <summary>The names that <see cref="Parse"/> reads.</summary>
    public static string Text(this Copies copies)
        => copies == Copies.None ? "none" : string.Join(',', Known.Where(k => copies.HasFlag(k.Copies)).Select(k => k.Name));

    /// <summary>The copies that a gallery's description of its geometry (<see cref="IImagePreparer.Description"/>) names.</summary>
    public static Copies ParseFrom(string preprocessing)
        => preprocessing.IndexOf(Before, StringComparison.Ordinal) is >= 0 and var at ? Parse(preprocessing[(at + Before.Length)..])
        : Copies.None;

    /// <summary>A description of geometry with these copies instead of its own.</summary>
    public static string AppliedTo(this Copies copies, string preprocessing)
        => preprocessing.Split(Before)[0] + (copies == Copies.None ? "" : Before + copies.Text());

    /// <summary>The orientations of a normal in the gallery: the photograph as it is, then its copies.</summary>
    public static IReadOnlyList<Orientation> Orientations(this Copies copies) => All[(int)copies];

    /// <summary>The word before "copy"; null: it is no copy.</summary>
    public static string? Word(this Orientation orientation) => orientation switch
    {
        Orientation.Mirrored => "mirrored",
        Orientation.Flipped => "flipped",
        Orientation.Rotated180 => "rotated-180",
        Orientation.Rotated90 => "rotated-90",
        Orientation.Rotated270 => "rotated-270",
        _ => null,
    };

    /// <summary>The position on the photograph that a position on the copy shows. Coordinates are continuous, as in
    /// <see cref="InputGeometry"/>.</summary>
    /// <param name="width">Width of the photograph; equal to <paramref name="height"/> for quarter turns.</param>
    public static (double X, double Y) ToPhotograph(this Orientation orientation, double x, double y, double width, double height)
        => orientation switch
        {
            Orientation.Mirrored => (width - x, y),
            Orientation.Flipped => (x, height - y),
            Orientation.Rotated180 => (width - x, height - y),
            Orientation.Rotated90 => (y, width - x),
            Orientation.Rotated270 => (height - y, x),
            _ => (x, y),
        };

    /// <summary>The same for cells of a grid.</summary>
    /// <param name="cell">y * <paramref name="width"/> + x.</param>
    public static int ToPhotograph(this Orientation orientation, int cell, int width, int height)
    {
        if (orientation == Orientation.Original) return cell;
        var (x, y) = orientation.ToPhotograph(cell % width + 0.5, cell / width + 0.5, width, height);
        return (int)y * width + (int)x;
    }

    /// <summary>The copy of a picture.</summary>
    public static RgbImage Of(this Orientation orientation, RgbImage picture)
    {
        if (orientation == Orientation.Original) return picture;
        var copy = new RgbImage(picture.Width, picture.Height);
        for (int i = 0; i < picture.Width * picture.Height; i++)
            picture.Pixels.AsSpan(3 * orientation.ToPhotograph(i, picture.Width, picture.Height), 3).CopyTo(copy.Pixels.AsSpan(3 * i, 3));
        return copy;
    }
}
