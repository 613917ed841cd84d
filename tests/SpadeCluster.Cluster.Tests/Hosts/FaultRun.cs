using SpadeCluster.Client;
using SpadeCluster.Galleries;
using SpadeCluster.Cluster.Tests.Processes;

namespace SpadeCluster.Cluster.Tests.Hosts;

/// <summary>What one fault did.</summary>
/// <param name="Fault">What failed, and for how long.</param>
/// <param name="Answered">Photographs that have an answer.</param>
/// <param name="Wrong">Answers that are not the single process's to the bit.</param>
/// <param name="Lost">Photographs that have no score: an error, or nothing.</param>
/// <param name="Added">Normal images whose addition was confirmed during the run.</param>
/// <param name="AddedLost">Those of them that are not in the gallery.</param>
/// <param name="Refused">Additions that were refused because the disk is full.</param>
/// <param name="LongestWait">Seconds; the longest time without an answer, from the fault's begin on.</param>
/// <param name="FirstAnswer">Seconds from the fault's end to the next right answer.</param>
/// <param name="FirstAdded">Seconds from the fault's end to the next confirmed addition.</param>
/// <param name="Whole">Seconds from the fault's end until every silo is an active member and ready.</param>
/// <param name="Restarts">Silos that were started again.</param>
internal sealed record FaultResult(string Fault, int Answered, int Wrong, int Lost, int Added, int AddedLost, int Refused,
    double LongestWait, double FirstAnswer, double FirstAdded, double Whole, int Restarts)
{
    public override string ToString() =>
        $"{Fault}: {Answered} answered, {Wrong} wrong, {Lost} lost; {Added} normals added, {AddedLost} lost, {Refused} refused; "
        + $"longest wait {LongestWait:0.0} s; after the end: answer {FirstAnswer:0.0} s, addition {FirstAdded:0.0} s, whole {Whole:0.0} s; "
        + $"{Restarts} restarts";
}

/// <summary>
/// A fault under load: a camera's stream of photographs at a fixed rate, every answer compared with the single process's, and normals
/// that are added to another category one by one.
/// </summary>
internal sealed class FaultRun(HostCluster hosts)
{
    /// <summary>Photographs a second.</summary>
    private const int Rate = 5;

    /// <summary>Photographs and normals that are answered before the fault begins, and after it ended.</summary>
    private const int Calm = 10, CalmAdded = 2;

    private readonly Events _answers = new();
    private readonly CancellationTokenSource _enough = new();
    private int _sent, _wrong;

    /// <summary>How the photographs are scored; null: by the retrying client's stream.</summary>
    public Func<IAsyncEnumerable<ImageSource>, IAsyncEnumerable<RemoteScore>>? Score { get; init; }

    /// <param name="name">Of the fault, for the table.</param>
    /// <param name="duration">How long it lasts.</param>
    /// <param name="begin">Makes it.</param>
    /// <param name="end">Ends it.</param>
    public async Task<FaultResult> RunAsync(string name, TimeSpan duration, Action begin, Action end)
    {
        var additions = new Additions(hosts, "growing-" + Guid.NewGuid().ToString("N")[..6], "tester", HostCluster.Gateway1,
            HostCluster.Gateway2);
        int restarts = hosts.Silos.Values.Sum(s => s.Restarts);
        double began, ended, firstAnswer, firstAdded, whole;
        var streaming = StreamAsync();
        var adding = additions.RunAsync(_enough.Token);
        try
        {
            await _answers.NextAsync(Calm, streaming);
            await additions.Done.NextAsync(CalmAdded, adding);
            began = Events.Now;
            begin();
            await Task.Delay(duration);
            end();
            ended = Events.Now;
            var answer = _answers.NextAsync(1, streaming);
            var added = additions.Done.NextAsync(1, adding);
            await hosts.WholeAsync();
            whole = Events.Now - ended;
            (firstAnswer, firstAdded) = (await answer - ended, await added - ended);
            await _answers.NextAsync(Calm, streaming);
            await additions.Done.NextAsync(CalmAdded, adding);
        }
        finally
        {
            hosts.Network.Heal();
            await _enough.CancelAsync();
        }
        await streaming;
        await adding;
        return new FaultResult(name, _answers.Count, _wrong, _sent - _answers.Count - _wrong, additions.Confirmed,
            await additions.LostAsync(),
            additions.Refused, _answers.LongestWait(began), firstAnswer, firstAdded, whole,
            hosts.Silos.Values.Sum(s => s.Restarts) - restarts);
    }

    private async Task StreamAsync()
    {
        using var client = hosts.Client(HostCluster.Gateway1, HostCluster.Gateway2);
        var scores = Score is null ? client.ScoreStreamAsync(HostCluster.Category, PhotosAsync()) : Score(PhotosAsync());
        await foreach (var score in scores)
        {
            if (score.Score is null) continue;
            if (SameScores.Text(score.Score) != SameScores.Text(hosts.Expected[score.Index % hosts.Photos.Count])) _wrong++;
            else _answers.Add();
        }
    }

    private async IAsyncEnumerable<ImageSource> PhotosAsync()
    {
        using var ticks = new PeriodicTimer(TimeSpan.FromSeconds(1.0 / Rate));
        while (!_enough.IsCancellationRequested)
        {
            await ticks.WaitForNextTickAsync();
            yield return hosts.Photos[_sent++ % hosts.Photos.Count];
        }
    }
}
