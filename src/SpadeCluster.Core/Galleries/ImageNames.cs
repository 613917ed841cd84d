namespace SpadeCluster.Galleries;

/// <summary>Finds the image of a gallery by a name that a person gives.</summary>
internal static class ImageNames
{
    private const int ShortestPrefix = 4, Listed = 3;

    /// <summary>The image with this source name or id; otherwise the only one with this file name, or whose id begins with
    /// these digits (at least four); otherwise null.</summary>
    /// <exception cref="SpadeException">InvalidArgument: the name fits several images.</exception>
    public static GalleryImage? Find(IReadOnlyCollection<GalleryImage> images, string name)
    {
        bool isId = ImageId.TryParse(name, out var id);
        var found = images.Where(i => i.Source == name || (isId && i.Id == id)).ToList();
        if (found.Count == 0)
            found = [.. images.Where(i =>
                FileName(i.Source) == name
                || (name.Length >= ShortestPrefix && i.Id.ToString().StartsWith(name, StringComparison.OrdinalIgnoreCase)))];
        if (found.Count <= 1) return found.FirstOrDefault();
        string more = found.Count > Listed ? $" and {found.Count - Listed} more" : "";
        throw new SpadeException(SpadeError.InvalidArgument,
            $"'{name}' may be {found.Count} images: {string.Join(", ", found.Take(Listed).Select(i => $"{i.Id} ({i.Source})"))}{more}; "
            + $"name the one meant by its id");
    }

    /// <summary>The full name for the history, because a short name may fit other images later.</summary>
    public static string InFull(GalleryImage image, string name) =>
        ImageId.TryParse(name, out var id) && id == image.Id ? name : image.Source;

    /// <summary>The last part of a path of any operating system.</summary>
    private static string FileName(string source) => source[(source.LastIndexOfAny(['/', '\\']) + 1)..];
}
