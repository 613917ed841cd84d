namespace SpadeCluster.Galleries;

/// <summary>The rule for category names: they become folder names, URL parts and grain keys.</summary>
public static class CategoryName
{
    public const int MaxLength = 64;

    /// <exception cref="SpadeException">InvalidArgument: not 1 to 64 of a-z A-Z 0-9 . _ - starting with a letter or digit.</exception>
    public static string Check(string name)
    {
        bool ok = name.Length is > 0 and <= MaxLength && char.IsAsciiLetterOrDigit(name[0]) && name[^1] != '.'
            && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-');
        return ok ? name : throw new SpadeException(SpadeError.InvalidArgument,
            $"'{Printable(name)}' is not a category name: use 1 to {MaxLength} letters, digits, '.', '_' or '-', starting with a letter "
            + $"or digit");
    }

    private static string Printable(string name)
        => new([.. name.Take(MaxLength).Select(c => char.IsControl(c) ? '?' : c)]);
}
