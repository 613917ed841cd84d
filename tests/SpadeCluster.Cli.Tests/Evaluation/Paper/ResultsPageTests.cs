namespace SpadeCluster.Cli.Tests.Evaluation.Paper;

public class ResultsPageTests : WorkFolder
{
    [Fact]
    public async Task The_page_of_results_is_what_the_command_makes_of_their_files()
    {
        var repository = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(repository.FullName, "SpadeCluster.sln"))) repository = repository.Parent!;
        string docs = Path.Combine(repository.FullName, "docs");
        Directory.CreateDirectory(At("results"));
        string[] files = Directory.GetFiles(Path.Combine(docs, "results"), "*.json");
        Assert.NotEmpty(files);
        foreach (string file in files) File.Copy(file, At("results", Path.GetFileName(file)));
        var (exit, _, error) = await Spade.RunAsync("reproduce", "--results", At("results.md"));
        Assert.True(exit == 0, error);
        Assert.Equal(File.ReadAllText(Path.Combine(docs, "results.md")), File.ReadAllText(At("results.md")));
    }
}
