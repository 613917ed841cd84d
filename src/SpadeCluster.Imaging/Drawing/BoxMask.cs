using System.Globalization;

namespace SpadeCluster.Imaging;

/// <summary>A box of a photograph as a mask: PNG, white inside.</summary>
public static class BoxMask
{
    /// <param name="box">"x,y,width,height" in pixels of the photograph.</param>
    /// <param name="photo">The photograph's size, "WIDTHxHEIGHT".</param>
    /// <exception cref="SpadeException">InvalidArgument: not of these forms, or the box does not lie in the photograph.</exception>
    public static byte[] Encode(string box, string photo)
    {
        if (Numbers(photo, 'x', 2) is not [var width and >= 1, var height and >= 1]
            || (long)width * height > ImageLimits.Default.MaxPixels)
            throw new SpadeException(SpadeError.InvalidArgument,
                $"'{photo}' is not a photograph's size: write WIDTHxHEIGHT, such as 1920x1080");
        return Encode(box, width, height);
    }

    /// <inheritdoc cref="Encode(string, string)"/>
    public static byte[] Encode(string box, int width, int height)
    {
        if (Numbers(box, ',', 4) is not [var x, var y, var w and >= 1, var h and >= 1])
            throw new SpadeException(SpadeError.InvalidArgument,
                $"'{box}' is not a box: write x,y,width,height in pixels of the photograph, such as 40,60,300,200");
        if ((long)x + w > width || (long)y + h > height)
            throw new SpadeException(SpadeError.InvalidArgument, $"the box {box} is not inside a photograph of {width}x{height} pixels");
        var grey = new byte[width * height];
        for (int row = y; row < y + h; row++) grey.AsSpan(row * width + x, w).Fill(255);
        using var png = new MemoryStream();
        PngEncoder.WriteGrey(png, grey, width, height);
        return png.ToArray();
    }

    /// <summary>Whether a text has the form of a box, not of a file name.</summary>
    public static bool IsBox(string text) => Numbers(text, ',', 4) is not null;

    private static int[]? Numbers(string text, char separator, int count)
    {
        string[] parts = text.Split(separator);
        var numbers = new int[parts.Length];
        for (int i = 0; i < parts.Length; i++)
            if (!int.TryParse(parts[i], NumberStyles.None, CultureInfo.InvariantCulture, out numbers[i])) return null;
        return numbers.Length == count ? numbers : null;
    }
}
