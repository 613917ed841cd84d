using System.Xml.Linq;

namespace SpadeCluster.Core.Tests.Architecture;

/// <summary>What holds for the whole source tree, checked on its files.</summary>
public sealed class ArchitectureTests
{
    private const int MostColumns = 140, MostLines = 400;

    private static readonly string[] SourceKinds = ["*.cs", "*.razor", "*.js", "*.css", "*.py"];

    /// <summary>For each project, the projects it may reference. References point one way: from a line to lines above it.</summary>
    private static readonly (string Project, string[] MayReference)[] Layers =
    [
        ("Core", []),
        ("Imaging", ["Core"]),
        ("Inference", ["Core"]),
        ("Storage", ["Core"]),
        ("Client", ["Core"]),
        ("Cluster", ["Core"]),
        ("Server", ["Core", "Imaging", "Cluster"]),
        ("Cli", ["Core", "Imaging", "Inference", "Storage", "Client", "Cluster", "Server"]),
    ];

    private static readonly string Root = FindRoot();

    [Fact]
    public void References_point_one_way()
    {
        string[] projects = [.. Directory.EnumerateDirectories(Path.Combine(Root, "src")).Select(d => Path.GetFileName(d)).Order()];
        Assert.Equal(Layers.Select(l => $"SpadeCluster.{l.Project}").Order(), projects);
        var above = new HashSet<string>();
        foreach (var (project, mayReference) in Layers)
        {
            Assert.Subset(above, mayReference.ToHashSet());
            var references = Items(project, "ProjectReference").Select(Path.GetFileNameWithoutExtension);
            Assert.All(references, r => Assert.True(mayReference.Contains(r!["SpadeCluster.".Length..]),
                $"SpadeCluster.{project} references {r}; it may reference only: {string.Join(", ", mayReference)}"));
            above.Add(project);
        }
    }

    [Fact]
    public void Core_needs_no_package()
    {
        Assert.Empty(Items("Core", "PackageReference"));
        Assert.Empty(Items("Core", "FrameworkReference"));
        // Items imported for all projects would not show above.
        Assert.All(typeof(SpadeException).Assembly.GetReferencedAssemblies(), a => Assert.StartsWith("System.", a.Name));
    }

    [Fact]
    public void Packages_name_their_versions_in_one_file()
        => Assert.DoesNotContain(Files("*.csproj").SelectMany(f => XDocument.Load(f).Descendants("PackageReference")),
            p => p.Attribute("Version") is not null || p.Attribute("VersionOverride") is not null);

    [Fact]
    public void Lines_and_files_are_short()
    {
        var problems = new List<string>();
        foreach (string file in SourceKinds.SelectMany(Files))
        {
            string[] lines = File.ReadAllLines(file);
            if (lines.Length > MostLines) problems.Add($"{Name(file)} has {lines.Length} lines; at most {MostLines}");
            for (int i = 0; i < lines.Length; i++)
                if (lines[i].Length > MostColumns)
                    problems.Add($"{Name(file)}:{i + 1} has {lines[i].Length} columns; at most {MostColumns}");
        }
        Assert.True(problems.Count == 0, $"{problems.Count} problems:\n{string.Join('\n', problems.Take(30))}");
    }

    [Fact]
    public void Names_say_what_a_file_is_about()
    {
        string[] empty = ["Helper", "Helpers", "Manager", "Managers", "Util", "Utils", "Utility", "Utilities", "Misc"];
        var names = Files("*.cs").SelectMany(f => Name(f).Replace(".cs", "", StringComparison.Ordinal).Split('/'));
        Assert.DoesNotContain(names.Distinct(), n => empty.Any(e => n.EndsWith(e, StringComparison.Ordinal)));
    }

    /// <summary>The Include attributes of one kind of item in a project file.</summary>
    private static IEnumerable<string> Items(string project, string kind)
    {
        var file = XDocument.Load(Path.Combine(Root, "src", $"SpadeCluster.{project}", $"SpadeCluster.{project}.csproj"));
        return file.Descendants(kind).Select(i => i.Attribute("Include")!.Value.Replace('\\', '/'));
    }

    private static IEnumerable<string> Files(string pattern) => new[] { "src", "tests" }
        .SelectMany(d => Directory.EnumerateFiles(Path.Combine(Root, d), pattern, SearchOption.AllDirectories))
        .Where(f => !Name(f).Split('/').Any(part => part is "bin" or "obj" or "node_modules"));

    private static string Name(string file) => Path.GetRelativePath(Root, file).Replace('\\', '/');

    private static string FindRoot()
    {
        for (var d = new DirectoryInfo(AppContext.BaseDirectory); d is not null; d = d.Parent)
            if (File.Exists(Path.Combine(d.FullName, "SpadeCluster.sln"))) return d.FullName;
        throw new InvalidOperationException("the tests do not run below the repository");
    }
}
