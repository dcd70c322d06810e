using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Design;

namespace RuntimeGuard.Collector.State;

/// <summary>Lets `dotnet ef migrations add` see the model without starting a collector.</summary>
sealed class StateContextFactory : IDesignTimeDbContextFactory<StateContext>
{
    public StateContext CreateDbContext(string[] args) =>
        new(new DbContextOptionsBuilder<StateContext>().UseSqlite("Data Source=design-time.db").Options);
}
