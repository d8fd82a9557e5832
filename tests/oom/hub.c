void hub_scenarios(void);
void hub_scenarios(void)
{
}
