using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace RuntimeGuard.Collector.State.Migrations
{
    /// <inheritdoc />
    public partial class WorkloadChangedByPerson : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<bool>(
                name: "ChangedByPerson",
                table: "workloads",
                type: "INTEGER",
                nullable: false,
                defaultValue: false);

            migrationBuilder.Sql(
                "UPDATE workloads SET ChangedByPerson = EXISTS (SELECT 1 FROM audit " +
                "WHERE Subject = Namespace || '/' || Image AND Action = 'policy' AND User <> 'collector')");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropColumn(
                name: "ChangedByPerson",
                table: "workloads");
        }
    }
}
