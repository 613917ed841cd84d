namespace SpadeCluster.Tests;

/// <summary>A test that measures with data outside the repository (../shared); skipped without them.</summary>
public sealed class SharedDataFactAttribute : FactAttribute
{
    public SharedDataFactAttribute()
    {
        if (SharedData.Root is null) Skip = "needs ../shared/data, which is not here";
    }
}

public static class SharedData
{
    /// <summary>The folder "shared" beside the repository, or null.</summary>
    public static string? Root { get; } = Find();

    public static string Path(params string[] parts) => System.IO.Path.Combine([Root!, .. parts]);

    private static string? Find()
    {
        for (var d = new DirectoryInfo(AppContext.BaseDirectory); d is not null; d = d.Parent)
            if (File.Exists(System.IO.Path.Combine(d.FullName, "SpadeCluster.sln")))
            {
                string shared = System.IO.Path.Combine(d.FullName, "..", "shared");
                return Directory.Exists(System.IO.Path.Combine(shared, "data")) ? System.IO.Path.GetFullPath(shared) : null;
            }
        return null;
    }
}
